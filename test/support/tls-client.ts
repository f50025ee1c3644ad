import { once } from 'node:events'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'

/** Opens a connection by TLS to a port of this machine; resolves once its handshake is over. Rejects if that fails. */
export async function secureConnection(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, servername: 'example.org', ...options })
  try {
    await once(socket, 'secureConnect')
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/** The answer to a GET of / over that connection, which stays open: a head, and a body with a Content-Length. */
export async function getOver(socket: TLSSocket, host = 'example.org'): Promise<string> {
  socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  let answer = ''
  for (;;) {
    const [bytes] = (await once(socket, 'data')) as [Buffer]
    answer += bytes.toString('latin1')
    const end = answer.indexOf('\r\n\r\n') + 4
    const [, length] = /\r\nContent-Length: (\d+)\r\n/i.exec(answer) ?? []
    if (end >= 4 && length !== undefined && answer.length >= end + Number(length)) return answer
  }
}

/** The serial number of the certificate that the server has shown. */
export function serialOf(socket: TLSSocket): string {
  return socket.getPeerCertificate().serialNumber
}

/** The session of a connection, with which another one can be resumed. Resolves once the server has given it. */
export async function sessionOf(socket: TLSSocket): Promise<Buffer> {
  if (socket.getProtocol() === 'TLSv1.2') return socket.getSession()!
  const [session] = (await once(socket, 'session')) as [Buffer]
  return session
}
