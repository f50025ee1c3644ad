import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, Interface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from './folder.ts'

/** The program: as built for `npm test` (see global-setup.ts), or that of the checkout. */
export const LIMPET = process.env.LIMPET_TEST_PROGRAM ?? fileURLToPath(new URL('../../bin/limpet.js', import.meta.url))

/** A running Limpet, as far as its clients and the readers of its logs know it. */
export interface ServingLimpet {
  readonly port: number
  readonly url: string
  /** Lines of the access log so far. */
  readonly log: Lines
  /** Lines of the program's own log so far. */
  readonly errors: Lines
}

/** Limpet, running in a process of its own as a user runs it; it ends with the test. */
export interface Limpet extends ServingLimpet {
  readonly process: ChildProcess
  /** The path of its configuration file. */
  readonly file: string
  /** Where it keeps its state, unless the configuration or `env` says otherwise. */
  readonly stateDirectory: string
  /** Resolves with the exit code, or null where a signal ended the process. */
  readonly exit: Promise<number | null>
}

interface Options {
  readonly env?: NodeJS.ProcessEnv
  readonly flags?: readonly string[]
  /** The limit of open files of its process (`ulimit -n`). */
  readonly openFiles?: number
  /** The path of another program than the checkout's own. */
  readonly program?: string
}

/**
 * Starts `limpet run` and waits until it listens. A configuration is the text of a file, or a value; its listeners may
 * have port 0. Without one it must come from `env`.
 */
export async function startLimpet(
  test: Pick<TestContext, 'after'>,
  config: unknown,
  { env, flags = [], openFiles, program = LIMPET }: Options = {},
): Promise<Limpet> {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-test-'))
  const file = join(folder, 'limpet.yaml')
  if (config !== undefined) await writeConfig(file, config)
  const named = config === undefined ? [] : ['-c', file]
  const command = [process.execPath, program, 'run', ...named, ...flags]
  const [executable, ...args] = openFiles === undefined ? command : ['prlimit', `--nofile=${openFiles}`, ...command]
  const stateDirectory = join(folder, 'state')
  const child = spawn(executable!, args, {
    cwd: folder,
    env: { ...process.env, STATE_DIRECTORY: stateDirectory, RUNTIME_DIRECTORY: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exit = once(child, 'exit').then(([code]) => code as number | null)
  test.after(async () => {
    child.kill('SIGKILL')
    await exit
    await rm(folder, { recursive: true })
  })
  const log = new Lines(child.stdout)
  const errors = new Lines(child.stderr)
  const listening = errors.find(/listening on \S+ port (\d+)/)
  const port = await Promise.race([
    listening.then(([, digits]) => Number(digits)),
    exit.then((code) => {
      throw new Error(`limpet ended with code ${code}:\n${errors.all.join('\n')}`)
    }),
  ])
  return { process: child, file, port, url: `http://127.0.0.1:${port}`, stateDirectory, log, errors, exit }
}

/** Writes a configuration, as text or as a value, to a file that ends with the test. Resolves to the file's path. */
export async function configFile(test: TestContext, config: unknown): Promise<string> {
  const file = join(await temporaryFolder(test), 'limpet.yaml')
  await writeConfig(file, config)
  return file
}

async function writeConfig(file: string, config: unknown): Promise<void> {
  await writeFile(file, typeof config === 'string' ? config : JSON.stringify(config))
}

/** Where the admin API of a Limpet answers that has it on. */
export async function adminUrlOf({ errors }: Pick<Limpet, 'errors'>): Promise<string> {
  const [, place] = await errors.find(/admin API answers on ([^\s"]+)/)
  return `http://${place}`
}

/** What the access log, in JSON, says of the GET for that path. */
export async function loggedRequest({ log }: Pick<Limpet, 'log'>, path: string) {
  const [line] = await log.matching(new RegExp(`"GET ${path} `), 1)
  return JSON.parse(line!)
}

/** Runs `limpet` to its end. */
export async function runLimpet(args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = tmpdir()) {
  const child = spawn(process.execPath, [LIMPET, ...args], { cwd, env: { ...process.env, ...env } })
  const stdout = new Lines(child.stdout)
  const stderr = new Lines(child.stderr)
  const [code] = await once(child, 'close')
  return { code: code as number | null, stdout: stdout.all.join('\n'), stderr: stderr.all.join('\n') }
}

/** The lines of a stream, as they come. */
export class Lines {
  readonly all: string[] = []
  readonly #reader: Interface
  readonly #arrivals = new EventEmitter().setMaxListeners(0)

  constructor(stream: NodeJS.ReadableStream | Interface) {
    this.#reader = stream instanceof Interface ? stream : createInterface({ input: stream }).setMaxListeners(0)
    this.#reader.on('line', (line) => {
      this.all.push(line)
      this.#arrivals.emit('line')
    })
  }

  /** Those that come from now on. */
  later(): Lines {
    return new Lines(this.#reader)
  }

  /** Resolves once there are that many lines in which `pattern` is found, to those lines. */
  async matching(pattern: RegExp, count: number): Promise<string[]> {
    const found: string[] = []
    for (let seen = 0; ; ) {
      for (; seen < this.all.length; seen++) if (pattern.test(this.all[seen]!)) found.push(this.all[seen]!)
      if (found.length >= count) return found
      await once(this.#arrivals, 'line')
    }
  }

  /** Resolves once `pattern` is found in a line, to what it matched. */
  async find(pattern: RegExp): Promise<RegExpExecArray> {
    const [line] = await this.matching(pattern, 1)
    return pattern.exec(line!)!
  }
}
