import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../free-port.ts'
import { type Launch, Program, stopProcess } from '../program.ts'
import type { Contender, Operations, Running, Setup } from './contender.ts'
import type { ServerPlace } from './fleet.ts'

/** A running contender. */
export class Balancer {
  readonly #contender: Contender
  #setup: Setup
  #program: Program
  #running: Running

  private constructor(contender: Contender, setup: Setup, program: Program) {
    this.#contender = contender
    this.#setup = setup
    this.#program = program
    this.#running = { setup, pid: program.pid }
  }

  /** @throws Error if it does not start */
  static async start(contender: Contender, folder: string, limpet: string, servers: readonly ServerPlace[]) {
    const port = await freePort()
    const setup: Setup = { port, folder: join(folder, String(port)), servers, limpet }
    await mkdir(setup.folder)
    const launch = await contender.prepare(setup)
    return new Balancer(contender, setup, await startProgram(launch, setup))
  }

  get port(): number {
    return this.#setup.port
  }

  /**
   * Stops it gracefully, and restarts it with the same files and these servers.
   *
   * @param between called while the balancer does not run
   */
  async restart(servers: readonly ServerPlace[], between?: () => Promise<void>): Promise<void> {
    this.#setup = { ...this.#setup, servers }
    const launch = await this.#contender.prepare(this.#setup)
    await this.stop()
    await between?.()
    this.#program = await startProgram(launch, this.#setup)
    this.#running = { setup: this.#setup, pid: this.#program.pid }
  }

  /** Has something done to it while it runs. @throws Error if it cannot do that */
  async operate<Name extends keyof Operations>(name: Name, ...args: Rest<Parameters<Operations[Name]>>): Promise<void> {
    const operation = this.#contender.operations[name] as
      | ((running: Running, ...rest: unknown[]) => Promise<void>)
      | undefined
    if (operation === undefined) throw new Error(`${this.#contender.title} cannot do this`)
    await operation(this.#running, ...args)
  }

  async stop(): Promise<void> {
    const { pid } = this.#running
    if (pid !== this.#program.pid) await stopProcess(pid, this.#contender.stopSignal)
    await this.#program.stop(this.#contender.stopSignal)
  }
}

type Rest<Parameters extends readonly unknown[]> = Parameters extends readonly [unknown, ...infer Others]
  ? Others
  : never

async function startProgram(launch: Launch, { folder, port }: Setup): Promise<Program> {
  const program = Program.start(launch, [], join(folder, 'output.log'))
  await program.listening(port)
  return program
}
