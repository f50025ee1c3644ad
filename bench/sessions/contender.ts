import type { Launch } from '../program.ts'
import type { ServerPlace } from './fleet.ts'

/** What a balancer is configured with. */
export interface Setup {
  /** Of 127.0.0.1. */
  readonly port: number
  /** For the balancer's own files; they are still there when it is started again. */
  readonly folder: string
  readonly servers: readonly ServerPlace[]
  /** The folder of the Limpet that takes part. */
  readonly limpet: string
}

/** A balancer, and the way in which it keeps users on their servers. All leave a failed server alone for a second. */
export interface Contender {
  readonly name: string
  /** The program and its affinity. */
  readonly title: string
  /** What the bench holds it to; left out: nothing. */
  readonly promise?: Pledge
  /** The names of events that the promise does not cover. */
  readonly excused?: readonly string[]
  /** The signal after which it finishes what it has in hand and ends. */
  readonly stopSignal: NodeJS.Signals
  /** Undefined where it is not installed. */
  version(): Promise<string | undefined>
  /** Writes its configuration into the setup's folder. */
  prepare(setup: Setup): Promise<Launch>
}

/**
 * `all-kept`: everybody whose server lives stays there, and no request fails. `few-moved`: of n servers, no more than
 * 1/n + 2 % of these users are moved.
 */
export type Pledge = 'all-kept' | 'few-moved'
