import type { Endpoint, KeepAlive } from '../runtime/snapshot.ts'
import type { Http1Connection } from './http1-connection.ts'
import { Http2Pool } from './http2-pool.ts'
import { Pool } from './pool.ts'

/** The connections to one server that can serve further requests. */
export class ServerLinks {
  /** Where they lead. */
  readonly endpoint: Endpoint
  isClosed = false
  readonly http1: Pool<Http1Connection>
  readonly http2: Http2Pool

  constructor(endpoint: Endpoint, settings: KeepAlive) {
    this.endpoint = endpoint
    this.http1 = new Pool(settings)
    this.http2 = new Http2Pool(settings)
  }

  apply(settings: KeepAlive): void {
    this.http1.apply(settings)
    this.http2.apply(settings)
  }

  /** Closes idle connections, and each other one once it is idle. */
  close(): void {
    this.isClosed = true
    this.http1.close()
    this.http2.close()
  }
}
