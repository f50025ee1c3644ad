import { chmodSync, closeSync, rmSync } from 'node:fs'
import { isSamePlace } from '../../runtime/same-place.ts'
import type { Listener, PortListener, SocketListener } from '../../runtime/snapshot.ts'
import type { OpenSocket, SocketOrder } from '../../worker/messages.ts'
import type { InheritedSocket } from '../upgrade/inheritance.ts'
import { SystemdSockets } from './activation/systemd-sockets.ts'
import { ListenError } from './listen-error.ts'
import { keepSocketFile, leaveSocketFile, removeSocketFile } from './socket-files.ts'
import { assertFree } from './vacancy.ts'
import type { WorkerLink } from './worker-link.ts'

/** A socket, and the slot of the worker that listens on it. */
interface HeldSocket extends OpenSocket {
  readonly worker: number
}

/**
 * Which worker listens on which sockets. Every worker listens on each port with a socket of its own, or with several, and
 * the kernel distributes the connections over the sockets; one worker alone listens on a Unix socket. To close a socket is to
 * lose the connections in its queue, so that a worker that ends hands its sockets over to others.
 */
export class Sockets {
  /** Where workers listen, with real ports in place of 0. */
  listeners: readonly Listener[] = []
  readonly #serving: () => readonly WorkerLink[]
  /** By the sockets' numbers. */
  readonly #held = new Map<number, HeldSocket>()
  /** The worker for each Unix socket, by its path. */
  readonly #owners = new Map<string, number>()
  /** Orders for sockets that this process was given, by the slot of the worker whose first ones they are. */
  readonly #inherited = new Map<number, SocketOrder[]>()
  readonly #systemd = new SystemdSockets()
  #lastId = 0

  /** @param serving gives the workers that are to listen */
  constructor(serving: () => readonly WorkerLink[]) {
    this.#serving = serving
  }

  /**
   * Has that many workers, which are to start next, listen there.
   *
   * @param inherited listening sockets that this process was given: each goes to one worker, if it is to be used at all
   * @throws ListenError if another program listens there
   */
  async assign(
    listeners: readonly Listener[],
    workers: number,
    inherited: readonly InheritedSocket[] = [],
  ): Promise<void> {
    this.listeners = inherited.map(({ listener }) => listener)
    for (const listener of listeners) if (!this.#hasPlace(listener)) await assertFree(listener)
    this.listeners = listeners
    const used = inherited.filter(({ listener }) => listeners.some((other) => isSamePlace(other, listener)))
    this.#systemd.all = used.filter(({ isActivated }) => isActivated)
    for (const [index, listener] of listeners.filter(isSocket).entries()) this.#own(listener, index % workers)
    for (const listener of listeners) {
      const given = used.filter((socket) => !socket.isActivated && isSamePlace(socket.listener, listener))
      const copies = await this.#systemd.copies(listener, (isSocket(listener) ? 1 : workers) - given.length)
      const descriptors = [...given.map(({ descriptor }) => descriptor), ...copies]
      for (const [index, descriptor] of descriptors.entries()) this.#give(listener, descriptor, index % workers)
    }
    for (const { listener, descriptor, isActivated } of inherited.filter((socket) => !used.includes(socket))) {
      closeSync(descriptor)
      if (isSocket(listener) && !isActivated) rmSync(listener.path, { force: true })
    }
  }

  /** Gets copies of systemd's sockets for a worker that is to start and has none; undefined if it needs none. */
  replenish(slot: number, workers: number): Promise<unknown> | undefined {
    const given = this.#inherited.get(slot) ?? []
    const missing = this.#lacking(slot, workers).filter(
      (listener) => this.#systemd.has(listener) && !given.some((order) => isSamePlace(order.listener, listener)),
    )
    if (missing.length === 0) return undefined
    const copied = missing.map(async (listener) => {
      for (const descriptor of await this.#systemd.copies(listener, 1)) this.#give(listener, descriptor, slot)
    })
    return Promise.all(copied)
  }

  /** Where a worker of so many is to listen and has no socket: on no port for which the others have sockets enough. */
  #lacking(slot: number, workers: number): readonly Listener[] {
    return this.listeners.filter((listener) =>
      isSocket(listener) ? this.#owners.get(listener.path) === slot : this.#at(listener).length < workers,
    )
  }

  #give(listener: Listener, descriptor: number, worker: number): void {
    const slot = isSocket(listener) ? this.#owners.get(listener.path)! : worker
    this.#inherited.set(slot, [...(this.#inherited.get(slot) ?? []), { ...this.#order(listener), descriptor }])
  }

  /**
   * What a worker of so many is to listen on from its start. Sockets that listen already come last, so that a worker which
   * cannot listen has not accepted anything.
   */
  ordersFor(slot: number, workers: number): readonly SocketOrder[] {
    const inherited = this.#inherited.get(slot) ?? []
    this.#inherited.delete(slot)
    const fresh = this.#lacking(slot, workers)
      .filter((listener) => !inherited.some((order) => isSamePlace(order.listener, listener)))
      .filter((listener) => !this.#systemd.has(listener))
      .map((listener) => this.#order(listener))
    return [...fresh, ...inherited]
  }

  /** All sockets whose descriptors are known: each can be handed over to one worker of another process. */
  get descriptors(): readonly InheritedSocket[] {
    const held = [...this.#held.values()].flatMap(({ listener, descriptor }) =>
      descriptor === undefined ? [] : [{ listener, descriptor }],
    )
    return [...held, ...this.#systemd.all]
  }

  /** Another process has all sockets, too: these ones are closed, after what waits in their queues has been accepted. */
  leave(): void {
    for (const path of this.#owners.keys()) leaveSocketFile(path)
    this.#owners.clear()
    for (const worker of this.#serving()) void this.#close(worker, this.#of(worker.slot))
  }

  /** Resolves once a worker listens, with its share of the sockets. Rejects as `WorkerLink.listening` does. */
  async begun(worker: WorkerLink, orders: readonly SocketOrder[]): Promise<void> {
    const sockets = await worker.listening
    this.#note(worker, sockets)
    const real = new Map(orders.map(({ listener }, index) => [listener, sockets[index]!.listener]))
    this.listeners = this.listeners.map((listener) => real.get(listener) ?? listener)
    for (const listener of this.listeners) await this.#share(listener, worker)
    await this.#closeRemoved()
  }

  /**
   * Has all workers listen on what is new among these, or none if one of them cannot.
   *
   * @returns these listeners, with real ports in place of 0
   * @throws ListenError
   */
  async add(listeners: readonly Listener[]): Promise<readonly Listener[]> {
    const before = this.listeners
    const added = listeners.filter((listener) => !before.some((other) => isSamePlace(other, listener)))
    for (const listener of added) if (!this.#hasPlace(listener)) await assertFree(listener)
    try {
      const opened = await this.#openAll(added)
      const next = listeners.map((listener) => opened[added.indexOf(listener)] ?? listener)
      setModes(next, before)
      this.listeners = this.listeners.map((listener) => next.find((each) => isSamePlace(each, listener)) ?? listener)
      return next
    } catch (error) {
      await this.remove(before)
      throw error
    }
  }

  async #openAll(added: readonly Listener[]): Promise<readonly Listener[]> {
    if (added.length === 0) return []
    const [first, ...others] = this.#serving()
    if (first === undefined) throw new Error('no worker is running at present, to listen anywhere else')
    const opened = (await this.#open(first, added)).map(({ listener }) => listener)
    for (const listener of added.filter(isSocket)) this.#own(listener, first.slot)
    // A worker that starts from now on listens there, too.
    this.listeners = [...this.listeners, ...opened]
    const ports = opened.filter(isPort)
    await Promise.all(others.map((worker) => this.#open(worker, ports).catch(unlessItDied)))
    return opened
  }

  async #open(worker: WorkerLink, listeners: readonly Listener[], descriptor?: number): Promise<readonly OpenSocket[]> {
    const orders = listeners.map((listener) => this.#order(listener))
    const sockets = await worker.listen(
      descriptor === undefined ? orders : orders.map((order) => ({ ...order, descriptor })),
    )
    this.#note(worker, sockets)
    return sockets
  }

  /**
   * Has workers listen nowhere else than there. What waits in the queues of other sockets is still accepted; resolves once they
   * are closed.
   */
  async remove(listeners: readonly Listener[]): Promise<void> {
    const removed = this.listeners.filter((listener) => !listeners.some((other) => isSamePlace(other, listener)))
    for (const { path } of removed.filter(isSocket)) this.#disown(path)
    for (const listener of removed) this.#systemd.close(listener)
    setModes(listeners, this.listeners)
    this.listeners = listeners
    await this.#closeRemoved()
  }

  async #closeRemoved(): Promise<void> {
    const isRemoved = (socket: OpenSocket) => !this.listeners.some((other) => isSamePlace(other, socket.listener))
    await Promise.all(this.#serving().map((worker) => this.#close(worker, this.#of(worker.slot).filter(isRemoved))))
  }

  async #close(worker: WorkerLink, sockets: readonly OpenSocket[]): Promise<void> {
    for (const { id } of sockets) this.#held.delete(id)
    await worker.closeSockets(sockets.map(({ id }) => id)).catch(unlessItDied)
  }

  /**
   * Gives the sockets of a worker that is to end to those that serve on.
   *
   * @param worker undefined if it is dead already
   * @throws ListenError if no other worker can listen on its Unix sockets
   */
  async handOver(slot: number, worker: WorkerLink | undefined): Promise<void> {
    for (const listener of this.listeners.filter(isSocket)) {
      const [taker] = this.#serving()
      if (this.#owners.get(listener.path) !== slot || taker === undefined) continue
      // It takes the path over, so that nobody connects to the other one any more.
      const [descriptor] = await this.#systemd.copies(listener, 1)
      await this.#open(taker, [listener], descriptor).catch(unlessItDied)
      this.#owners.set(listener.path, taker.slot)
    }
    if (worker === undefined) return
    for (const socket of this.#of(slot).filter(({ listener }) => isPort(listener))) {
      await this.#move(socket, worker, this.#poorest(socket.listener)).catch(unlessItDied)
    }
    void this.#close(worker, this.#of(slot))
  }

  /** Has a worker that does not listen on a port take a socket from the worker that has most of them. */
  async #share(listener: Listener, worker: WorkerLink): Promise<void> {
    if (!isPort(listener) || this.#count(listener, worker) > 0) return
    const [richest] = this.#serving().toSorted(
      (one, other) => this.#count(listener, other) - this.#count(listener, one),
    )
    const spare = this.#at(listener).findLast((socket) => socket.worker === richest?.slot)
    if (spare === undefined || this.#count(listener, richest!) < 2) return
    await this.#move(spare, richest!, worker).catch(unlessItDied)
  }

  async #move(socket: OpenSocket, from: WorkerLink, to: WorkerLink | undefined): Promise<void> {
    // Undefined where it cannot be moved.
    const moved = to && (await from.handOver(socket, to))
    if (moved !== undefined) this.#note(to!, [moved])
  }

  #poorest(listener: Listener): WorkerLink | undefined {
    return this.#serving().toSorted((one, other) => this.#count(listener, one) - this.#count(listener, other))[0]
  }

  /** A worker has ended, and its sockets are closed. */
  forget(slot: number): void {
    for (const { id } of this.#of(slot)) this.#held.delete(id)
  }

  /** Removes the files of all Unix sockets, so that nobody connects to them any more. */
  removeFiles(): void {
    for (const path of this.#owners.keys()) removeSocketFile(path)
  }

  #own(listener: SocketListener, slot: number): void {
    const { path } = listener
    this.#owners.set(path, slot)
    if (!this.#systemd.has(listener)) keepSocketFile(path)
  }

  #disown(path: string): void {
    this.#owners.delete(path)
    removeSocketFile(path)
  }

  #order(listener: Listener): SocketOrder {
    return { id: ++this.#lastId, listener }
  }

  #note({ slot }: WorkerLink, sockets: readonly OpenSocket[]): void {
    for (const socket of sockets) this.#held.set(socket.id, { ...socket, worker: slot })
  }

  #of(slot: number): readonly HeldSocket[] {
    return [...this.#held.values()].filter(({ worker }) => worker === slot)
  }

  #at(listener: Listener): readonly HeldSocket[] {
    return [...this.#held.values()].filter((socket) => isSamePlace(socket.listener, listener))
  }

  #count(listener: Listener, { slot }: WorkerLink): number {
    return this.#at(listener).filter(({ worker }) => worker === slot).length
  }

  /** Whether there are sockets of this process there, maybe on other addresses of the port: then nothing tells whether it is free. */
  #hasPlace(listener: Listener): boolean {
    const isThere = (other: Listener) =>
      isPort(listener) ? isPort(other) && other.port === listener.port : isSamePlace(other, listener)
    return this.listeners.some(isThere)
  }
}

function isSocket(listener: Listener): listener is SocketListener {
  return 'path' in listener
}

function isPort(listener: Listener): listener is PortListener {
  return 'port' in listener
}

/** @throws ListenError if the permissions of a socket's file cannot be changed */
function setModes(listeners: readonly Listener[], before: readonly Listener[]): void {
  for (const listener of listeners.filter(isSocket)) {
    const former = before.filter(isSocket).find(({ path }) => path === listener.path)
    if (former === undefined || former.mode === listener.mode) continue
    try {
      chmodSync(listener.path, listener.mode)
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException
      throw new ListenError(listener, code, message)
    }
  }
}

/** The worker that replaces a dead one listens where it is to. */
function unlessItDied(error: Error): void {
  if (error instanceof ListenError) throw error
}
