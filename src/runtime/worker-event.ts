import type { Listener } from './snapshot.ts'

/**
 * An event in a worker that matters outside it. It is passed on unchanged, from where it happens to each of its users:
 * health, the log, metrics, the admin API. Upstreams and servers are given by name; times are in ms.
 */
export type WorkerEvent =
  /** Requests to a server failed so often that it is suspended for `ms`. */
  | {
      readonly type: 'server-suspended'
      readonly upstream: string
      readonly server: string
      readonly ms: number
      readonly cause: string
      /** That of the last of these requests, if its trace is followed. */
      readonly traceId?: string | undefined
    }
  /** A suspended server has answered a request. */
  | { readonly type: 'server-resumed'; readonly upstream: string; readonly server: string }
  /** No TLS connection to a server could be opened; `count` times in its upstream since the last such event. */
  | {
      readonly type: 'tls-failed'
      readonly upstream: string
      readonly server: string
      /** What OpenSSL says, and what to do about it. */
      readonly cause: string
      readonly count: number
    }
  /** `badInRow` answers of a server in a row were bad: the limit (`consecutive5xx`) or a multiple of it. */
  | { readonly type: 'server-erring'; readonly upstream: string; readonly server: string; readonly badInRow: number }
  /**
   * Connections were closed because the client could not be identified, or because there were too many; `address` and `cause`
   * are those of the last one.
   */
  | {
      readonly type: 'connection-refused'
      readonly listener: Listener
      readonly address: string
      readonly cause: string
      /** Since the last such event, this one included. */
      readonly count: number
    }
  /** TLS handshakes of clients failed; `address` and `cause` are those of the last one. */
  | {
      readonly type: 'handshake-failed'
      readonly listener: Listener
      readonly address: string
      readonly cause: string
      /** Since the last such event, this one included. */
      readonly count: number
    }
  /** A client asks for that host by TLS, for which there is no certificate; it waits for one. */
  | { readonly type: 'certificate-wanted'; readonly host: string }
  /** A token is signed with a key that is not known, or there are no keys yet: a request waits for those at that URL. */
  | { readonly type: 'keys-wanted'; readonly url: string }
  /** Clients got no certificate on demand, since too many wait for theirs; the last one asked for that host. */
  | { readonly type: 'certificate-not-awaited'; readonly host: string; readonly count: number }
  /** This process or machine ran short of something (shortage.ts); `count` times since the last such event. */
  | { readonly type: 'shortage'; readonly code: string; readonly count: number }
  /** A server has set a cookie under a name of Limpet's own; perhaps there is another Limpet behind this one. */
  | { readonly type: 'own-cookie-set'; readonly upstream: string; readonly server: string; readonly cookie: string }
  /** A server asks to be drained, or for new sessions again: reported when it changes, and repeated now and then. */
  | {
      readonly type: 'server-asks'
      readonly upstream: string
      readonly server: string
      readonly what: 'drain' | 'ready'
    }
  /** A server has sent a header for Limpet whose value means nothing; `count` times since the last such event. */
  | {
      readonly type: 'header-unknown'
      readonly upstream: string
      readonly server: string
      /** The line of the header, cut off if it is long. */
      readonly header: string
      readonly count: number
    }
  /** An untrusted peer claimed that its clients use HTTPS; `count` times since the last such event. */
  | { readonly type: 'scheme-ignored'; readonly address: string; readonly count: number }
  /** The disk could not keep a body; `count` times since the last such event. */
  | { readonly type: 'storage-failed'; readonly cause: string; readonly count: number }
  /** A filter of a route has thrown; `count` times since the last such event. */
  | { readonly type: 'filter-failed'; readonly filter: string; readonly cause: string; readonly count: number }
