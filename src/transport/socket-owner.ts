import type { Socket } from 'node:net'

/** The owner of a socket, which is notified of its events. */
export interface SocketOwner {
  /** The connection, and its TLS if it has any, is ready. */
  whenConnected?(): void
  /** The other side has closed its sending side. */
  whenEnded(): void
  /** `whenClosed` follows. */
  whenFailed?(error: Error): void
  whenClosed(): void
}

const owner = Symbol('owner')
type OwnedSocket = Socket & { [owner]?: SocketOwner }

/**
 * Makes that object the socket's owner, in place of an earlier one. All sockets share the same listeners, so that none
 * is created for each.
 */
export function own(socket: Socket, by: SocketOwner): void {
  const owned = socket as OwnedSocket
  const isNew = owned[owner] === undefined
  owned[owner] = by
  if (!isNew) return
  if (by.whenConnected !== undefined) socket.on('encrypted' in socket ? 'secureConnect' : 'connect', onConnect)
  socket.on('end', onEnd)
  socket.on('error', onError)
  socket.on('close', onClose)
}

function onConnect(this: OwnedSocket): void {
  this[owner]!.whenConnected!()
}

function onEnd(this: OwnedSocket): void {
  this[owner]!.whenEnded()
}

function onError(this: OwnedSocket, error: Error): void {
  this[owner]!.whenFailed?.(error)
}

function onClose(this: OwnedSocket): void {
  this[owner]!.whenClosed()
}
