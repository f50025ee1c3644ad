import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../free-port.ts'
import { type Launch, Program } from '../program.ts'
import type { Contender, Setup } from './contender.ts'
import type { ServerPlace } from './fleet.ts'

/** A running contender. */
export class Balancer {
  readonly #contender: Contender
  #setup: Setup
  #program: Program

  private constructor(contender: Contender, setup: Setup, program: Program) {
    this.#contender = contender
    this.#setup = setup
    this.#program = program
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
  }

  stop(): Promise<void> {
    return this.#program.stop(this.#contender.stopSignal)
  }
}

async function startProgram(launch: Launch, { folder, port }: Setup): Promise<Program> {
  const program = Program.start(launch, [], join(folder, 'output.log'))
  await program.listening(port)
  return program
}
