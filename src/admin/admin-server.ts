import { once } from 'node:events'
import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { adminApi } from './api.ts'
import type { Subject } from './subject.ts'

/** Where the admin API answers. */
export interface AdminPlace {
  readonly address: string
  readonly port: number
}

/** The admin API at work, on the main thread. */
export class AdminServer {
  /** A port 0 has become a real one. */
  readonly place: AdminPlace
  readonly #server: Server

  private constructor(place: AdminPlace, server: Server) {
    this.place = place
    this.#server = server
  }

  /** Resolves once it listens; rejects with the system's error where it cannot. */
  static async start({ address, port }: AdminPlace, subject: Subject): Promise<AdminServer> {
    const server = createAdaptorServer({ fetch: adminApi(subject).fetch }) as Server
    server.listen({ host: address, port, exclusive: true })
    await once(server, 'listening')
    const bound = server.address()
    const place = { address, port: bound !== null && typeof bound === 'object' ? bound.port : port }
    return new AdminServer(place, server)
  }

  /** Ends at once: whoever asks is a program that can ask again. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }
}
