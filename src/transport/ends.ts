import type { Socket } from 'node:net'
import { type IpAddress, parseIpAddress, UNIX_ADDRESS, UNKNOWN_ADDRESS } from '../runtime/ip-address.ts'
import type { Listener } from '../runtime/snapshot.ts'
import type { TlsFacts } from './tls-facts.ts'

/** One end of a connection. */
export interface End {
  readonly address: IpAddress
  readonly port: number
}

/** The two ends of a client's connection: its socket's, or those in a PROXY header. */
export interface Ends {
  /** The client's end. */
  readonly source: End
  /** The end that the client connected to. */
  readonly destination: End
  /** The destination's port, which needs no system call; 0 for none. */
  readonly port: number
  /** Whether the client is known to have connected by TLS. */
  readonly isSecure: boolean
  /** Undefined where the connection is not encrypted here. */
  readonly tls: TlsFacts | undefined
  /** The port to which requests are redirected by HTTPS; 0 if they are served. */
  readonly redirectTo: number
  /** The name by which routes know the listener; empty for one that no route names. */
  readonly listener: string
}

const unixEnd: End = { address: UNIX_ADDRESS, port: 0 }
const unixEnds = { source: unixEnd, destination: unixEnd, port: 0, isSecure: false, tls: undefined }

/** The ends of a connection that a listener has accepted. */
export function endsOf(socket: Socket, listener: Listener): Ends {
  const { name = '' } = listener
  const redirectTo = listener.redirectTo?.port ?? 0
  return 'path' in listener
    ? { ...unixEnds, redirectTo, listener: name }
    : new SocketEnds(socket, listener.port, redirectTo, name)
}

/** The ends as the kernel reports them. */
class SocketEnds implements Ends {
  readonly source: End
  readonly port: number
  readonly isSecure = false
  readonly tls = undefined
  readonly redirectTo: number
  readonly listener: string
  readonly #socket: Socket

  /** @param port the listener's, as are the others */
  constructor(socket: Socket, port: number, redirectTo: number, listener: string) {
    this.source = endAt(socket.remoteAddress, socket.remotePort)
    this.port = port
    this.redirectTo = redirectTo
    this.listener = listener
    this.#socket = socket
  }

  /** Looked up only when needed, since it is a system call. */
  get destination(): End {
    return endAt(this.#socket.localAddress, this.port)
  }
}

/** The ends of a connection that has become one of TLS. */
export function securedEnds(ends: Ends, tls: TlsFacts): Ends {
  return new SecuredEnds(ends, tls)
}

class SecuredEnds implements Ends {
  readonly source: End
  readonly port: number
  readonly isSecure = true
  readonly tls: TlsFacts
  readonly redirectTo = 0
  readonly listener: string
  readonly #ends: Ends

  constructor(ends: Ends, tls: TlsFacts) {
    this.source = ends.source
    this.port = ends.port
    this.tls = tls
    this.listener = ends.listener
    this.#ends = ends
  }

  get destination(): End {
    return this.#ends.destination
  }
}

function endAt(text = '', port = 0): End {
  // A zone (`fe80::1%eth0`) only names this machine's link to the address.
  const zone = text.indexOf('%')
  return { address: parseIpAddress(zone < 0 ? text : text.slice(0, zone)) ?? UNKNOWN_ADDRESS, port }
}
