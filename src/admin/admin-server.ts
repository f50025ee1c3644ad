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

  /**
   * Resolves once it listens; rejects with the system's error if it cannot.
   *
   * @param descriptor of a socket that listens there already
   */
  static async start({ address, port }: AdminPlace, subject: Subject, descriptor?: number): Promise<AdminServer> {
    const server = createAdaptorServer({ fetch: adminApi(subject).fetch }) as Server
    if (descriptor === undefined) server.listen({ host: address, port, exclusive: true })
    else server.listen({ fd: descriptor })
    await once(server, 'listening')
    const bound = server.address()
    const place = { address, port: bound !== null && typeof bound === 'object' ? bound.port : port }
    return new AdminServer(place, server)
  }

  /** The file descriptor on which it listens; undefined if it is not known. */
  get descriptor(): number | undefined {
    return (this.#server as Server & { readonly _handle?: { readonly fd?: number } | null })._handle?.fd
  }

  /** Accepts no more connections, since another process does; requests in flight are still answered. */
  leave(): void {
    this.#server.close()
    this.#server.closeIdleConnections()
  }

  /** Ends at once, without waiting for requests: its clients are programs that can try again. */
  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<unknown>()
    // Called with an error where it was closed before.
    this.#server.close(resolve)
    this.#server.closeAllConnections()
    await promise
  }
}
