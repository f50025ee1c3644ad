import type { MessagePort } from 'node:worker_threads'
import { isSamePlace } from '../runtime/same-place.ts'
import type { Listener } from '../runtime/snapshot.ts'
import { ListeningSocket, type SocketOwner } from './listening-socket.ts'
import type { OpenSocket, SocketOrder } from './messages.ts'

/** A worker cannot listen on that listener. */
export class ListenFailure extends Error {
  readonly listener: Listener
  readonly code: string

  constructor(listener: Listener, { code = '', message }: NodeJS.ErrnoException) {
    super(message)
    this.listener = listener
    this.code = code
  }
}

/** The sockets on which a worker listens, by the control plane's numbers for them. */
export class ListeningSockets {
  readonly #sockets = new Map<number, ListeningSocket>()
  readonly #owner: SocketOwner
  #closing: Promise<unknown> = Promise.resolve()

  constructor(owner: SocketOwner) {
    this.#owner = owner
  }

  /**
   * Listens on all of these, or on none.
   *
   * @throws ListenFailure
   */
  async open(orders: readonly SocketOrder[]): Promise<readonly OpenSocket[]> {
    const opened: ListeningSocket[] = []
    for (const order of orders) {
      try {
        opened.push(await ListeningSocket.open(order, this.#owner))
      } catch (error) {
        for (const socket of opened) socket.close()
        throw new ListenFailure(order.listener, error as NodeJS.ErrnoException)
      }
    }
    return this.#add(opened)
  }

  /** Takes a socket that another worker hands over; resolves to none if that one could not. */
  async takeOver(id: number, listener: Listener, from: MessagePort): Promise<readonly OpenSocket[]> {
    const socket = await ListeningSocket.takeOver(id, listener, from, this.#owner)
    return this.#add(socket === undefined ? [] : [socket])
  }

  /** Hands a socket over to another worker, if it can. */
  handOver(id: number, to: MessagePort): void {
    if (this.#sockets.get(id)?.handOver(to)) this.#sockets.delete(id)
    else to.close()
  }

  #add(sockets: readonly ListeningSocket[]): readonly OpenSocket[] {
    for (const socket of sockets) this.#sockets.set(socket.id, socket)
    return sockets.map(({ open }) => open)
  }

  /** Takes in what has changed of the listeners; connections that begin from now on are served by it. */
  apply(listeners: readonly Listener[]): void {
    for (const socket of this.#sockets.values()) {
      socket.listener = listeners.find((listener) => isSamePlace(listener, socket.listener)) ?? socket.listener
    }
  }

  /** Closes these sockets, after what waits in their queues has been accepted; resolves to no socket then. */
  async closeEmpty(ids: readonly number[]): Promise<readonly OpenSocket[]> {
    const sockets = ids.flatMap((id) => this.#sockets.get(id) ?? [])
    for (const { id } of sockets) this.#sockets.delete(id)
    this.#closing = Promise.all([this.#closing, ...sockets.map((socket) => socket.closeEmpty())])
    await this.#closing
    return []
  }

  /** Resolves once nothing more is accepted: closes at once what is not being closed yet. */
  async end(): Promise<void> {
    this.close()
    await this.#closing
  }

  /** Closes all sockets at once. */
  close(): void {
    for (const socket of this.#sockets.values()) socket.close()
    this.#sockets.clear()
  }
}
