import type { Drain } from './drain.ts'

/** What happens in a running balancer, for clients that watch it. */
export type AdminEvent =
  /** A configuration or a change of the operator is in effect in all workers. */
  | {
      readonly type: 'applied'
      readonly generation: number
      readonly revision: string
      /** One sentence each. */
      readonly changes: readonly string[]
    }
  /** The health of a server has changed, or a panic began or ended: then `server` is null. */
  | {
      readonly type: 'server-health'
      readonly upstream: string
      readonly server: string | null
      readonly better: boolean
      /** The line in the log. */
      readonly message: string
    }
  /** An address or network sends too much of an upstream's requests, or no longer does: then it is better. */
  | {
      readonly type: 'skew'
      readonly upstream: string
      readonly better: boolean
      /** The line in the log. */
      readonly message: string
    }
  | { readonly type: 'drain-started' | 'drain-progress' | 'drain-ended'; readonly drain: Drain }
  /** A worker died, and is replaced in `ms`. */
  | { readonly type: 'worker-died'; readonly worker: number; readonly cause: string; readonly ms: number }
  /** A certificate was obtained or renewed by ACME, or could not be. */
  | {
      readonly type: 'certificate'
      readonly host: string
      readonly better: boolean
      /** The line in the log. */
      readonly message: string
    }
  /** A source of servers fails, or answers again: then it is better. */
  | {
      readonly type: 'source'
      /** null where labels name the upstreams. */
      readonly upstream: string | null
      readonly source: string
      readonly better: boolean
      /** The line in the log. */
      readonly message: string
    }
  /** The program is being replaced by another process. */
  | {
      readonly type: 'upgrade'
      readonly state: 'started' | 'taken-over' | 'failed'
      readonly pid: number | null
      readonly message: string
    }
  /** A range of addresses was banned, or is no longer: then it is better. */
  | {
      readonly type: 'ban'
      readonly address: string
      readonly better: boolean
      /** The line in the log. */
      readonly message: string
    }
  /** An operator has changed something, or was refused. */
  | { readonly type: 'operator'; readonly author: string; readonly message: string }

/** An event that has happened. */
export interface Happened {
  /** Rises, also from one run to the next. */
  readonly id: number
  /** In ms since 1970. */
  readonly at: number
  readonly event: AdminEvent
}

/** The last events, and the next ones. */
export interface EventFeed {
  /** The id of the newest event. */
  readonly newest: number
  /** All events after that id; undefined if some of them are no longer kept, or the id is of no event of this run. */
  after(id: number): readonly Happened[] | undefined
  /** All events that are kept, oldest first. */
  readonly kept: readonly Happened[]
  /** Notifies of each event from now on, until the function that it returns is called. */
  watch(notify: (happened: Happened) => void): () => void
}
