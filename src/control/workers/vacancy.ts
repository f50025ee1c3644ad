import { once } from 'node:events'
import { lstatSync, unlinkSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { Listener } from '../../runtime/snapshot.ts'
import { ListenError } from './listen-error.ts'

/**
 * Checks that no other program listens there. Workers share their ports with any process that asks to share them, so a
 * second Limpet would start silently and take half of the first one's clients; only an exclusive bind shows whether a
 * port is free.
 *
 * @throws ListenError if it is not
 */
export async function assertFree(listener: Listener): Promise<void> {
  const server = createServer()
  try {
    if ('path' in listener) await removeLeftover(listener.path)
    if ('path' in listener) server.listen({ path: listener.path })
    else server.listen({ host: listener.address, port: listener.port, exclusive: true })
    await once(server, 'listening')
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    const isFile = code === 'EADDRINUSE' && 'path' in listener && !isSocket(listener.path)
    throw new ListenError(listener, isFile ? 'ENOTSOCK' : code, message)
  }
  server.close()
  await once(server, 'close')
}

/** Removes a socket on which no process listens any more, such as that of a killed program. */
export async function removeLeftover(path: string): Promise<void> {
  if (!isSocket(path)) return
  const socket = connect(path)
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
