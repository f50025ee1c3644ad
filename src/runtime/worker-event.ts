import type { Listener } from './snapshot.ts'

/**
 * What happens in a worker and matters outside it. It is passed on whole, from where it happens to every user of it: health,
 * the log, metrics, the admin API. Upstreams and servers are given by name; times are in ms.
 */
export type WorkerEvent =
  /** Requests to a server failed so often that it is suspended for `ms`. */
  | {
      readonly type: 'server-suspended'
      readonly upstream: string
      readonly server: string
      readonly ms: number
      readonly cause: string
    }
  /** A suspended server has answered a request. */
  | { readonly type: 'server-resumed'; readonly upstream: string; readonly server: string }
  /** So many answers of a server in a row were bad: the limit (`consecutive5xx`), or a multiple of it. */
  | { readonly type: 'server-erring'; readonly upstream: string; readonly server: string; readonly badInRow: number }
  /** Connections were closed because the client could not be identified; `address` and `cause` are the last one's. */
  | {
      readonly type: 'connection-refused'
      readonly listener: Listener
      readonly address: string
      readonly cause: string
      /** Since the last such event, this one included. */
      readonly count: number
    }
  /** This process or machine ran short of something (shortage.ts), so many times since the last such event. */
  | { readonly type: 'shortage'; readonly code: string; readonly count: number }
  /** A server has set a cookie whose name is Limpet's own: perhaps there is another Limpet behind this one. */
  | { readonly type: 'own-cookie-set'; readonly upstream: string; readonly server: string; readonly cookie: string }
  /** A peer that is not trusted said that clients came by HTTPS; so many times since the last such event. */
  | { readonly type: 'scheme-ignored'; readonly address: string; readonly count: number }
