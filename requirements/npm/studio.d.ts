/** What the studio takes from the modules that it brings along; their own types are not kept. */

declare module "preact" {
  export function h(type: any, props?: any, ...children: any[]): any;
  export function render(what: any, into: Element): void;
}

declare module "preact/hooks" {
  export function useEffect(act: () => void | (() => void), after?: readonly any[]): void;
  export function useMemo<T>(make: () => T, after: readonly any[]): T;
  export function useRef<T>(value: T): { current: T };
  export function useMemo<T>(make: () => T, inputs: unknown[]): T;
  export function useState<T>(value: T | (() => T)): [T, (value: T | ((before: T) => T)) => void];
}

declare module "@preact/signals" {
  export interface Signal<T> { value: T; }
  export function signal<T>(value: T): Signal<T>;
  export function effect(act: () => void): () => void;
}

declare module "htm" {
  const htm: { bind(h: any): (parts: TemplateStringsArray, ...values: any[]) => any };
  export default htm;
}

declare module "uplot" {
  const uPlot: any;
  export default uPlot;
}
