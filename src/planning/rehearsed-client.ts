import { NoClient } from '../exchange/no-client.ts'
import type { RequestView } from '../exchange/request-view.ts'

/** The client of a request that nobody has sent. */
export function clientOf({ address, certificate, listener }: RequestView, isSecure: boolean): NoClient {
  const end = { address, port: 0 }
  const tls = certificate && { ...NO_HANDSHAKE, clientCertificate: certificate }
  const ends = { source: end, destination: end, port: 0, isSecure, tls, redirectTo: 0, listener }
  return new NoClient({ address, peer: address, isSecure, port: 0, believed: undefined, ends, connection: NEVER_OVER })
}

const NO_HANDSHAKE = {
  version: '',
  cipher: '',
  serverName: '',
  isResumed: false,
  protocol: '',
  responseFields: '',
  covers: () => true,
} as const

const NEVER_OVER = { atEnd() {} }
