import { closeSync } from 'node:fs'
import { isSamePlace } from '../../../runtime/same-place.ts'
import type { Listener } from '../../../runtime/snapshot.ts'
import type { InheritedSocket } from '../../upgrade/inheritance.ts'
import { copyDescriptors } from './copy-descriptors.ts'

/**
 * The sockets that systemd has opened for this service. They stay with the main thread, and workers get copies, so that all of
 * them can accept connections, and a worker that dies can be replaced: this process may have no right to open them again.
 */
export class SystemdSockets {
  all: readonly InheritedSocket[] = []

  /** Whether there is one for that listener. */
  has(listener: Listener): boolean {
    return this.#at(listener) !== undefined
  }

  /** So many more descriptors of the socket there; none if systemd has none there. */
  async copies(listener: Listener, count: number): Promise<readonly number[]> {
    const socket = this.#at(listener)
    return socket === undefined || count < 1 ? [] : copyDescriptors(Array(count).fill(socket.descriptor))
  }

  close(listener: Listener): void {
    const socket = this.#at(listener)
    if (socket !== undefined) closeSync(socket.descriptor)
    this.all = this.all.filter((other) => other !== socket)
  }

  #at(listener: Listener): InheritedSocket | undefined {
    return this.all.find((socket) => isSamePlace(socket.listener, listener))
  }
}
