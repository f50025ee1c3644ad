import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { lstatSync, unlinkSync } from 'node:fs'
import * as net from 'node:net'
import { getSystemErrorMessage, getSystemErrorName } from 'node:util'
import type { Listener } from '../../runtime/snapshot.ts'
import { ListenError } from './listen-error.ts'

/** A bound socket as Node.js's cluster makes it; undocumented. */
interface Bound {
  /** What the system says of a port in use comes only here. Returns its error, negative, or 0. */
  getsockname?(name: object): number
  close(): void
}
const { _createServerHandle: bind } = net as unknown as {
  _createServerHandle(place: string, port: number, family: 4 | 6 | -1): Bound | number
}

/**
 * Checks that no other program listens there. Workers share their ports with any process that asks to share them, so a
 * second Limpet would start silently and take half of the first one's clients; only an exclusive bind shows whether a
 * port is free. The socket does not listen: a client that connected to it would be reset.
 *
 * @throws ListenError if it is not
 */
export async function assertFree(listener: Listener): Promise<void> {
  try {
    if ('path' in listener) {
      await removeLeftover(listener.path)
      assertBinds(listener.path, -1, -1)
    } else {
      const { address, family } = await lookup(listener.address)
      assertBinds(address, listener.port, family === 6 ? 6 : 4)
    }
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    const isFile = code === 'EADDRINUSE' && 'path' in listener && !isSocket(listener.path)
    throw new ListenError(listener, isFile ? 'ENOTSOCK' : code, message)
  }
}

function assertBinds(...place: Parameters<typeof bind>): void {
  const bound = bind(...place)
  const error = typeof bound === 'number' ? bound : (bound.getsockname?.({}) ?? 0)
  if (typeof bound !== 'number') bound.close()
  if (error === 0) return
  const code = getSystemErrorName(error)
  throw Object.assign(new Error(`bind ${code}: ${getSystemErrorMessage(error)}`), { code })
}

/** Removes a socket on which no process listens any more, such as that of a killed program. */
export async function removeLeftover(path: string): Promise<void> {
  if (!isSocket(path)) return
  const socket = net.connect(path)
  try {
    await once(socket, 'connect')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') unlinkSync(path)
  } finally {
    socket.destroy()
  }
}

/** Whether there is a socket, in use or left over. */
export function isSocket(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true
}
