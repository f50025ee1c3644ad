import type { Listener, PortListener } from '../../runtime/snapshot.ts'
import { placeOf } from '../place.ts'

/** Limpet cannot listen where the configuration says. The message says why, and how to fix it. */
export class ListenError extends Error {
  override readonly name = 'ListenError'

  /** @param purpose what listens there, if not for clients */
  constructor(listener: Listener, code: string, detail: string, purpose = '') {
    const place = placeOf(listener) + (purpose && ` for ${purpose}`)
    const reason =
      'path' in listener ? reasonOfSocket(code, detail) : reasonOfPort(code, listener, detail, purpose !== '')
    super(`cannot listen on ${place}: ${reason}`)
  }
}

function reasonOfPort(code: string, { port }: PortListener, detail: string, inFileOnly: boolean): string {
  switch (code) {
    case 'EADDRINUSE':
      return `another program listens there; stop it, or choose another port ${inFileOnly ? '' : 'with --port or '}in the file`
    case 'EACCES':
      if (inFileOnly) return `ports below 1024 need a privilege; choose one from 1024 on`
      return `ports below 1024 need a privilege; choose one from 1024 on (--port ${port + 8000}), or grant CAP_NET_BIND_SERVICE`
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'that name has no address'
    default:
      return detail
  }
}

function reasonOfSocket(code: string, detail: string): string {
  switch (code) {
    case 'EADDRINUSE':
      return 'another program listens there; stop it, or choose another path in the file'
    case 'ENOTSOCK':
      return 'a file that is not a socket is there; remove it, or choose another path in the file'
    // Node.js also reports this for a missing directory.
    case 'EACCES':
      return 'there is no such directory, or it cannot be written; make it, or choose another path in the file'
    default:
      return detail
  }
}
