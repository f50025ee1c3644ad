import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../free-port.ts'
import { Program } from '../program.ts'

/** A server in a balancer's configuration. */
export interface ServerPlace {
  readonly name: string
  /** host:port */
  readonly address: string
}

interface RunningServer {
  readonly port: number
  readonly instance: string
  readonly process: Program
}

const program = fileURLToPath(new URL('server.ts', import.meta.url))

/** The servers behind the balancers, one process each. */
export class Fleet {
  readonly #folder: string
  readonly #servers = new Map<string, RunningServer>()
  #starts = 0

  /** @param folder for their output */
  private constructor(folder: string) {
    this.#folder = folder
  }

  static async start(folder: string, names: readonly string[]): Promise<Fleet> {
    const fleet = new Fleet(folder)
    await Promise.all(names.map(async (name) => fleet.start(name, await freePort())))
    return fleet
  }

  /** In the order of their names. */
  get places(): ServerPlace[] {
    const names = [...this.#servers.keys()].toSorted()
    return names.map((name) => ({ name, address: `127.0.0.1:${this.#servers.get(name)!.port}` }))
  }

  placeOf(name: string): ServerPlace {
    return this.places.find((place) => place.name === name)!
  }

  /** The process that currently has the name. */
  instanceOf(name: string): string {
    return this.#servers.get(name)!.instance
  }

  /**
   * Starts a server. It replaces one of the same name, which must have ended or use another port.
   *
   * @param port by default that of its predecessor, or any free one
   */
  async start(name: string, port?: number): Promise<void> {
    const instance = `${name}${++this.#starts}`
    const chosen = port ?? this.#servers.get(name)?.port ?? (await freePort())
    const launch = {
      command: process.execPath,
      args: [program, name, instance, String(chosen)],
      env: { NODE_OPTIONS: '' },
    }
    const started = Program.start(launch, [], join(this.#folder, `${instance}.log`))
    await started.listening(chosen)
    this.#servers.set(name, { port: chosen, instance, process: started })
  }

  /** Like the crash of a machine: all connections are reset, and requests in flight are lost. */
  async kill(name: string): Promise<void> {
    await this.#servers.get(name)!.process.stop('SIGKILL')
  }

  /** Starts a second process of that name on another port. Resolves to a function that ends the first one. */
  async startElsewhere(name: string): Promise<() => Promise<void>> {
    const { process: first } = this.#servers.get(name)!
    await this.start(name, await freePort())
    return () => first.stop()
  }

  /** Ends a server for good, once it has answered its requests in flight. */
  async end(name: string): Promise<void> {
    await this.#servers.get(name)!.process.stop()
    this.#servers.delete(name)
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#servers.values()].map(({ process }) => process.stop('SIGKILL')))
  }
}
