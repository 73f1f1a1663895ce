/**
 * Products of matrices on flat arrays, in tiles of 4 x 4.
 *
 * A matrix is an array and two strides, from row to row and from column to column: its transpose is the same array with
 * the strides exchanged. Sums are taken in the double precision of JavaScript's numbers.
 */

/**
 * Four rows of A times four columns of B: each number that is read serves four times, and the sums stay in registers.
 * @param {Float32Array} a
 * @param {number} p place of the first row in `a`
 * @param {number} down from row to row
 * @param {number} along from column to column
 * @param {Float32Array} b
 * @param {number} q place of the first column in `b`
 * @param {number} over from column to column
 * @param {number} onward from row to row
 * @param {number} k columns of A, rows of B
 * @param {Float32Array} y gets sixteen numbers
 * @param {number} at place of the first
 * @param {number} n from row to row of `y`
 */
function tile(a, p, down, along, b, q, over, onward, k, y, at, n) {
  let s00 = 0, s01 = 0, s02 = 0, s03 = 0;
  let s10 = 0, s11 = 0, s12 = 0, s13 = 0;
  let s20 = 0, s21 = 0, s22 = 0, s23 = 0;
  let s30 = 0, s31 = 0, s32 = 0, s33 = 0;
  for (let l = 0; l < k; l++) {
    const b0 = b[q];
    const b1 = b[q + over];
    const b2 = b[q + 2 * over];
    const b3 = b[q + 3 * over];
    let factor = a[p];
    s00 += factor * b0;
    s01 += factor * b1;
    s02 += factor * b2;
    s03 += factor * b3;
    factor = a[p + down];
    s10 += factor * b0;
    s11 += factor * b1;
    s12 += factor * b2;
    s13 += factor * b3;
    factor = a[p + 2 * down];
    s20 += factor * b0;
    s21 += factor * b1;
    s22 += factor * b2;
    s23 += factor * b3;
    factor = a[p + 3 * down];
    s30 += factor * b0;
    s31 += factor * b1;
    s32 += factor * b2;
    s33 += factor * b3;
    p += along;
    q += onward;
  }
  y[at] = s00;
  y[at + 1] = s01;
  y[at + 2] = s02;
  y[at + 3] = s03;
  y[at + n] = s10;
  y[at + n + 1] = s11;
  y[at + n + 2] = s12;
  y[at + n + 3] = s13;
  y[at + 2 * n] = s20;
  y[at + 2 * n + 1] = s21;
  y[at + 2 * n + 2] = s22;
  y[at + 2 * n + 3] = s23;
  y[at + 3 * n] = s30;
  y[at + 3 * n + 1] = s31;
  y[at + 3 * n + 2] = s32;
  y[at + 3 * n + 3] = s33;
}

/**
 * One row of A times four columns of B, or one column of B times four rows of A; see `tile`.
 * @param {Float32Array} a
 * @param {number} p
 * @param {number} along
 * @param {Float32Array} b
 * @param {number} q
 * @param {number} over
 * @param {number} onward
 * @param {number} k
 * @param {Float32Array} y gets four numbers
 * @param {number} at place of the first
 * @param {number} step from one to the next
 */
function strip(a, p, along, b, q, over, onward, k, y, at, step) {
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  for (let l = 0; l < k; l++) {
    const factor = a[p];
    s0 += factor * b[q];
    s1 += factor * b[q + over];
    s2 += factor * b[q + 2 * over];
    s3 += factor * b[q + 3 * over];
    p += along;
    q += onward;
  }
  y[at] = s0;
  y[at + step] = s1;
  y[at + 2 * step] = s2;
  y[at + 3 * step] = s3;
}

/**
 * A product of matrices, A B, each of which may lie transposed.
 * @param {Float32Array} a
 * @param {number[]} strides of `a`: from row to row, from column to column
 * @param {Float32Array} b
 * @param {number[]} stridesB of `b`, likewise
 * @param {number[]} sizes rows of A, columns of A, columns of B
 * @param {Float32Array} y gets the product, row by row
 * @returns {Float32Array} `y`
 */
export function product(a, [down, along], b, [onward, over], [m, k, n], y) {
  const [rows, columns] = [m - (m % 4), n - (n % 4)];
  for (let i = 0; i < rows; i += 4) {
    const p = i * down;
    for (let j = 0; j < columns; j += 4) {
      tile(a, p, down, along, b, j * over, over, onward, k, y, i * n + j, n);
    }
    for (let j = columns; j < n; j++) {
      strip(b, j * over, onward, a, p, down, along, k, y, i * n + j, n);
    }
  }
  for (let i = rows; i < m; i++) {
    const p = i * down;
    for (let j = 0; j < columns; j += 4) {
      strip(a, p, along, b, j * over, over, onward, k, y, i * n + j, 1);
    }
    for (let j = columns; j < n; j++) {
      let sum = 0;
      for (let l = 0; l < k; l++) sum += a[p + l * along] * b[j * over + l * onward];
      y[i * n + j] = sum;
    }
  }
  return y;
}
