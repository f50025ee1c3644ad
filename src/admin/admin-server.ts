import { once } from 'node:events'
import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { adminApi } from './api.ts'
import type { Subject } from './subject.ts'

/** Where the admin API listens. */
export interface AdminPlace {
  readonly address: string
  readonly port: number
}

/** The running admin API, on the main thread. */
export class AdminServer {
  /** With a real port in place of 0. */
  readonly place: AdminPlace
  readonly #server: Server

  private constructor(place: AdminPlace, server: Server) {
    this.place = place
    this.#server = server
  }

  /** Resolves once it listens; rejects with the system's error if it cannot. */
  static async start({ address, port }: AdminPlace, subject: Subject): Promise<AdminServer> {
    const server = createAdaptorServer({ fetch: adminApi(subject).fetch }) as Server
    server.listen({ host: address, port, exclusive: true })
    await once(server, 'listening')
    const bound = server.address()
    const place = { address, port: bound !== null && typeof bound === 'object' ? bound.port : port }
    return new AdminServer(place, server)
  }

  /** Ends at once, without waiting for requests: its clients are programs that can try again. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }
}
