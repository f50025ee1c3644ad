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
}

/**
 * `all-kept`: every user whose server lives stays there, and no request fails. `few-moved`: with n servers, at most
 * 1/n + 2 % of these users move.
 */
export type Pledge = 'all-kept' | 'few-moved'
