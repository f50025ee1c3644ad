import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { get } from 'node:http'
import { get as getSecurely } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

/** How to start a program. */
export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
}

const START_TIMEOUT = 60_000
/** How often to check whether a program responds, in ms. This is the precision of start times. */
const POLL_EVERY = 1
/** Limpet gives requests in flight 30 s. */
const STOP_TIMEOUT = 40_000

/** A program that the bench started. It ends with the bench in any case. */
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
      // In its own process group: Ctrl-C reaches only the bench, and one signal reaches all processes that it forks.
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

  /** The last lines of its output, for error messages. */
  get lastOutput(): string {
    return readFileSync(this.#output, 'utf8').trimEnd().split('\n').slice(-12).join('\n')
  }

  /**
   * Waits until it responds on a port of 127.0.0.1. Resolves to the time since its start, in ms.
   *
   * @throws Error if the program ends first, or takes too long
   */
  async listening(port: number, protocol: 'http' | 'https' = 'http'): Promise<number> {
    const deadline = performance.now() + START_TIMEOUT
    while (!(await answers(port, protocol))) {
      if (this.process.exitCode !== null || this.process.signalCode !== null || this.process.pid === undefined)
        throw new Error(`it ended at its start: ${this.lastOutput}`)
      if (performance.now() > deadline) throw new Error(`it does not listen after ${START_TIMEOUT / 1000} s`)
      await delay(POLL_EVERY)
    }
    return performance.now() - this.#startedAt
  }

  /** Waits until it ends. Resolves to its output. @throws Error if that takes more than `timeout` ms */
  async end(timeout: number): Promise<string> {
    const late = delay(timeout, 'late', { ref: false })
    if ((await Promise.race([this.#exit, late])) === 'late') {
      await this.stop()
      throw new Error(`${this.process.spawnfile} does not end`)
    }
    return readFileSync(this.#output, 'utf8')
  }

  /** Stops it by the signal, and kills it if it does not end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (!Program.#running.has(this)) return
    this.process.kill(signal)
    await Promise.race([this.#exit, delay(STOP_TIMEOUT, undefined, { ref: false })])
    this.#signal('SIGKILL')
    await this.#exit
  }

  /** Signals the whole process group. Other processes of the group may outlive the first one. */
  #signal(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal)
    } catch {
      // All of them have ended.
    }
  }
}

/** Stops a process that is no child of the bench by the signal, and kills it if it does not end. */
export async function stopProcess(pid: number, signal: NodeJS.Signals): Promise<void> {
  const deadline = performance.now() + STOP_TIMEOUT
  while (sent(pid, performance.now() < deadline ? signal : 'SIGKILL')) {
    do await delay(20)
    while (sent(pid, 0) && performance.now() < deadline)
  }
}

/** Whether there was such a process to signal. */
function sent(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}

/** Whether an HTTP server responds. An open connection is not enough: a program may only be probing the port. */
async function answers(port: number, protocol: 'http' | 'https'): Promise<boolean> {
  const place = { port, host: '127.0.0.1', agent: false, timeout: 1000 } as const
  const asked = protocol === 'http' ? get(place) : getSecurely({ ...place, rejectUnauthorized: false })
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

/** The version that a command prints; undefined if it cannot be run. */
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
