import type { Listener } from '../snapshot.ts'

/** The program cannot listen where it was told to. The message says why, and what would help. */
export class ListenError extends Error {
  override readonly name = 'ListenError'

  /** @param purpose who is to be reached there, where that is not clients */
  constructor(listener: Listener, code: string, detail: string, purpose = '') {
    const place = `${listener.address} port ${listener.port}${purpose && ` for ${purpose}`}`
    super(`cannot listen on ${place}: ${reasonFor(code, listener, detail, purpose !== '')}`)
  }
}

function reasonFor(code: string, { port }: Listener, detail: string, inFileOnly: boolean): string {
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
