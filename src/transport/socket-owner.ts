import type { Socket } from 'node:net'

/** What a socket belongs to, and is notified of what becomes of it. */
export interface SocketOwner {
  whenConnected?(): void
  /** The other side will send nothing more. */
  whenEnded(): void
  /** `whenClosed` follows. */
  whenFailed?(error: Error): void
  whenClosed(): void
}

const owner = Symbol('owner')
type OwnedSocket = Socket & { [owner]?: SocketOwner }

/** Notifies that object of what becomes of the socket, and its former owner no more. All sockets share their listeners. */
export function own(socket: Socket, by: SocketOwner): void {
  const owned = socket as OwnedSocket
  const isNew = owned[owner] === undefined
  owned[owner] = by
  if (!isNew) return
  if (by.whenConnected !== undefined) socket.on('connect', onConnect)
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
