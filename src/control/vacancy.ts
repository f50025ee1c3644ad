import { once } from 'node:events'
import { lstatSync, unlinkSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { Listener } from '../runtime/snapshot.ts'
import { ListenError } from './listen-error.ts'

/**
 * Workers share their ports with whoever else asks to share them, so a second Limpet would start without a word and
 * take half of the first one's clients. Whether a place is free shows in asking for it alone.
 *
 * @throws ListenError
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

/** Removes a socket on which nobody listens any more, as a program leaves behind that was killed. */
async function removeLeftover(path: string): Promise<void> {
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

function isSocket(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true
}
