import type { ExchangeRecord } from '../../src/observability/exchange-record.ts'

/**
 * The record of a GET that an upstream has answered.
 *
 * @param path with its query, if it has one
 */
export function recordOfGet(path: string): ExchangeRecord {
  const targetEnd = 'GET '.length + path.length
  return {
    clientAddress: '127.0.0.1',
    tls: undefined,
    isSecure: false,
    request: {
      bytes: Buffer.from(`GET ${path} HTTP/1.1\r\n`),
      headStart: 0,
      requestLineEnd: targetEnd,
      protocol: 'HTTP/1.1',
      method: 'GET',
      pathStart: 'GET '.length,
      pathEnd: 'GET '.length + path.split('?')[0]!.length,
      targetEnd,
      authorityStart: 0,
      authorityEnd: 0,
      refererStart: 0,
      refererEnd: 0,
      userAgentStart: 0,
      userAgentEnd: 0,
      id: '',
      isGrpc: false,
    },
    startedAt: 0,
    queued: 0,
    status: 200,
    grpcStatus: undefined,
    bytesSent: 2,
    upstreamName: 'app',
    serverNames: 'a',
    upstreamAddresses: '127.0.0.1:80',
    upstreamStatuses: '200',
    reason: 'new',
    header: () => undefined,
    route: undefined,
    decisions: undefined,
    user: undefined,
    upstream: undefined,
    server: undefined,
    attempts: 1,
    failure: undefined,
    standing: undefined,
    bytesReceived: 0,
    respondedAt: 0,
    trace: undefined,
  }
}
