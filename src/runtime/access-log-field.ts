/** The fields of the access log in JSON that are written unless the operator chooses, in this order. */
export const standardFields = [
  'time',
  'client',
  'host',
  'request',
  'method',
  'path',
  'query',
  'protocol',
  'status',
  'grpcStatus',
  'bytes',
  'referer',
  'userAgent',
  'upstreamName',
  'server',
  'upstream',
  'upstreamStatus',
  'seconds',
  'queued',
  'reason',
  'tlsVersion',
  'tlsCipher',
  'tlsResumed',
  'sni',
  'requestId',
  'traceId',
  'spanId',
] as const

/** Those that may be chosen, too. */
const furtherFields = [
  'scheme',
  'route',
  'standing',
  'attempts',
  'failure',
  'filters',
  'bytesReceived',
  'firstByte',
  'parentId',
  'clientCertificate',
  'user',
] as const

/** All fields of the access log in JSON. */
export const accessLogFields = [...standardFields, ...furtherFields] as const

export type AccessLogField = (typeof accessLogFields)[number]
