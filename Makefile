# Every target only calls Python. ARGS passes words on: make demo ARGS="--lang pt --budget 2m"
PYTHON ?= python3
BIN := $(if $(filter Windows_NT,$(OS)),.venv/Scripts,.venv/bin)
PY := $(BIN)/python
ARGS ?=
BUDGET ?=
DIR ?= wheelhouse
PYTHONS ?=
SYSTEMS ?=
WHEELS ?=
WORKERS ?= 2
FROM := $(if $(WHEELS),--wheels "$(WHEELS)")
FOR := $(if $(PYTHONS),--pythons $(PYTHONS)) $(if $(SYSTEMS),--systems $(SYSTEMS))

.PHONY: reference help setup setup-run demo studio test test-slow check quick bench clean translations wheels wheelhouse lock
.DEFAULT_GOAL := help

# Half of what collecting takes is compiling the tests: their bytecode is kept, whatever the shell says of others'.
test test-slow quick: export PYTHONDONTWRITEBYTECODE :=

help:         ## this list  ##pt esta lista
	@$(PYTHON) scripts/chores.py help

setup:        ## make .venv with everything locked (again: under a second)  ##pt cria .venv com tudo nas versões fixadas (de novo: menos de um segundo)
	@$(PYTHON) scripts/setup_env.py $(FROM)

setup-run:    ## make .venv with what running needs (WHEELS=DIR: from there, without network)  ##pt cria .venv com o que é preciso para executar (WHEELS=DIR: dali, sem rede)
	@$(PYTHON) scripts/setup_env.py --runtime $(FROM)

demo: setup-run  ## the whole practice on real data -> report.html (BUDGET=5m, ARGS="--lang pt")  ##pt a prática inteira com dados reais -> report.html (BUDGET=5m, ARGS="--lang pt")
	@$(PY) -m olaria demo $(if $(BUDGET),--budget $(BUDGET)) $(ARGS)

studio: setup-run ## the studio in the browser (ARGS="runs --port 8800")  ##pt o estúdio no navegador (ARGS="runs --port 8800")
	@$(PY) -m olaria studio $(ARGS)

test: setup   ## every test but the slow ones  ##pt todos os testes, menos os lentos
	@$(PY) -m pytest -m "not slow" -n $(WORKERS) --dist worksteal -q $(ARGS)

test-slow: setup ## the slow tests  ##pt os testes lentos
	@$(PY) -m pytest -m slow -q $(ARGS)

check: setup  ## format, lint, types, layers, translations, locks  ##pt formato, estilo, tipos, camadas, traduções, versões fixadas
	@$(PY) scripts/check.py

quick: setup  ## check and the fast tests, under a minute  ##pt check e os testes rápidos, em menos de um minuto
	@$(PY) scripts/check.py
	@$(PY) -m pytest -m "not slow" -n $(WORKERS) --dist worksteal -q tests/unit $(ARGS)

bench: setup  ## the benchmarks behind the claims  ##pt os benchmarks por trás do que se afirma
	@$(PY) scripts/chores.py bench

translations: setup ## bring the catalogs up to date with the sources  ##pt atualiza os catálogos a partir das fontes
	@$(PY) scripts/translations.py $(ARGS)

reference: setup ## write docs/verbs.md and docs/pt/verbs.md from the verbs  ##pt escreve docs/verbs.md e docs/pt/verbs.md a partir dos verbos
	@$(PY) scripts/reference.py $(ARGS)

wheels:       ## fill DIR for a class: make setup-run WHEELS=DIR (PYTHONS="3.11 3.12" SYSTEMS="linux windows")  ##pt enche DIR para uma turma: make setup-run WHEELS=DIR (PYTHONS="3.11 3.12" SYSTEMS="linux windows")
	@$(PYTHON) scripts/setup_env.py --runtime $(FROM) --wheelhouse "$(DIR)" $(FOR)

wheelhouse:   ## the same with the development tools: make setup WHEELS=DIR  ##pt o mesmo com as ferramentas de desenvolvimento: make setup WHEELS=DIR
	@$(PYTHON) scripts/setup_env.py $(FROM) --wheelhouse "$(DIR)" $(FOR)

lock: setup   ## renew the locked versions (needs uv and network)  ##pt renova as versões fixadas (requer uv e rede)
	@$(PYTHON) scripts/lock.py

clean:        ## remove caches and built files (runs and .venv stay)  ##pt apaga caches e arquivos gerados (execuções e .venv ficam)
	@$(PYTHON) scripts/chores.py clean
