import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { get } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

/** How to start a program. */
export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
}

const START_TIMEOUT = 60_000
/** Between two looks at whether a program answers, in ms: what a start takes is known to that. */
const LOOK_EVERY = 1
const STOP_TIMEOUT = 8000

/** A program that the bench started; it ends with the bench, however that ends. */
export class Program {
  static readonly #running = new Set<Program>()
  static #watching = false

  readonly process: ChildProcess
  readonly #output: string
  readonly #startedAt: number
  readonly #exit: Promise<unknown>

  /** @param startedAt by `performance.now()` */
  private constructor(process: ChildProcess, output: string, startedAt: number) {
    this.process = process
    this.#output = output
    this.#startedAt = startedAt
    this.#exit = once(process, 'exit').finally(() => Program.#running.delete(this))
    this.#exit.catch(() => undefined)
    Program.#running.add(this)
  }

  /** @param output the file for its standard output and error */
  static start({ command, args, env }: Launch, cores: readonly number[], output: string): Program {
    if (!Program.#watching) process.on('exit', () => Program.killAll())
    Program.#watching = true
    const [file, ...rest] = cores.length === 0 ? [command] : ['taskset', '--cpu-list', cores.join(','), command]
    const log = openSync(output, 'a')
    const startedAt = performance.now()
    try {
      // In a process group of its own: Ctrl-C reaches only the bench, and one signal reaches all that it forks.
      const child = spawn(file!, [...rest, ...args], {
        detached: true,
        env: { ...process.env, ...env },
        stdio: ['ignore', log, log],
      })
      return new Program(child, output, startedAt)
    } finally {
      closeSync(log)
    }
  }

  static killAll(): void {
    for (const program of Program.#running) program.#signal('SIGKILL')
  }

  get pid(): number {
    return this.process.pid!
  }

  /** What it wrote last, to show when it fails. */
  get lastWords(): string {
    return readFileSync(this.#output, 'utf8').trimEnd().split('\n').slice(-12).join('\n')
  }

  /**
   * Resolves once it answers at that port of 127.0.0.1, to the ms that it took from its start.
   *
   * @throws Error if the program ends before, or takes too long
   */
  async listening(port: number): Promise<number> {
    const deadline = performance.now() + START_TIMEOUT
    while (!(await answers(port))) {
      if (this.process.exitCode !== null || this.process.signalCode !== null || this.process.pid === undefined)
        throw new Error(`it ended at its start: ${this.lastWords}`)
      if (performance.now() > deadline) throw new Error(`it does not listen after ${START_TIMEOUT / 1000} s`)
      await delay(LOOK_EVERY)
    }
    return performance.now() - this.#startedAt
  }

  /** Resolves once it ends, to all that it wrote. @throws Error if that takes more than `timeout` ms */
  async end(timeout: number): Promise<string> {
    const late = delay(timeout, 'late', { ref: false })
    if ((await Promise.race([this.#exit, late])) === 'late') {
      await this.stop()
      throw new Error(`${this.process.spawnfile} does not end`)
    }
    return readFileSync(this.#output, 'utf8')
  }

  /** Asks it to end, by the signal that it understands so, and kills it if it does not. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (!Program.#running.has(this)) return
    this.process.kill(signal)
    await Promise.race([this.#exit, delay(STOP_TIMEOUT, undefined, { ref: false })])
    this.#signal('SIGKILL')
    await this.#exit
  }

  /** To its whole process group, of which some may still be there when the first process has gone. */
  #signal(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal)
    } catch {
      // All of them have gone.
    }
  }
}

/** Whether HTTP is spoken there. That a connection opens is not enough: a program may only have tried the port. */
async function answers(port: number): Promise<boolean> {
  const asked = get({ port, host: '127.0.0.1', agent: false, timeout: 1000 })
  asked.on('timeout', () => asked.destroy())
  try {
    await once(asked, 'response')
    return true
  } catch {
    return false
  } finally {
    asked.destroy()
  }
}

/** The version that a command prints, or undefined where it cannot be run. */
export async function versionOf(command: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await promisify(execFile)(command, args)
    return /\d+(?:\.\d+)+/.exec(stdout + stderr)?.[0]
  } catch (error) {
    // wrk prints its version, then ends with an error.
    const { code, stdout = '' } = error as { code?: unknown; stdout?: string }
    return code === 'ENOENT' ? undefined : /\d+(?:\.\d+)+/.exec(stdout)?.[0]
  }
}
