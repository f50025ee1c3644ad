import type { Launch } from '../program.ts'
import type { ServerPlace } from './fleet.ts'

/** The configuration of a balancer. */
export interface Setup {
  /** The port on 127.0.0.1. */
  readonly port: number
  /** A folder for the balancer's files. They are kept when it is restarted. */
  readonly folder: string
  readonly servers: readonly ServerPlace[]
  /** The folder of the Limpet to be measured. */
  readonly limpet: string
  /** Whether there is a second upstream with a route of its own, which no user here asks for. */
  readonly withOther?: boolean
}

/** A running contender. */
export interface Running {
  setup: Setup
  /** The process that signals go to. An operation may put another one in its place. */
  pid: number
}

/** What an operator can have done to a running contender, by the means that its manual names. */
export interface Operations {
  /** Applies the configuration with the other upstream. */
  change(running: Running): Promise<void>
  add(running: Running, server: ServerPlace): Promise<void>
  /** The server gets no new users; resolves at once. */
  drain(running: Running, server: string): Promise<void>
  /** Puts a new process of the program in the place of the running one. */
  upgrade(running: Running): Promise<void>
  /** Puts a server in the place of another one. Resolves when no request goes to that any more. */
  replace(running: Running, server: string, successor: ServerPlace): Promise<void>
}

/** A balancer with one kind of affinity. All of them suspend a failed server for one second. */
export interface Contender {
  readonly name: string
  /** The program and its affinity. */
  readonly title: string
  /** The promise that the bench checks. Default: none. */
  readonly promise?: Pledge
  /** The names of events that the promise does not cover. */
  readonly excused?: readonly string[]
  /** The signal after which it finishes requests in flight and ends. */
  readonly stopSignal: NodeJS.Signals
  /** Undefined if it is not installed. */
  version(): Promise<string | undefined>
  /** Writes its configuration to the setup's folder. */
  prepare(setup: Setup): Promise<Launch>
  /** What is left out cannot be done while it runs. */
  readonly operations: Partial<Operations>
}

/**
 * `all-kept`: every user whose server lives stays there, and no request fails. `few-moved`: with n servers, at most
 * 1/n + 2 % of these users move.
 */
export type Pledge = 'all-kept' | 'few-moved'
