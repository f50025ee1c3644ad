import type { Attributes } from '@opentelemetry/api'
import {
  ATTR_CLIENT_ADDRESS,
  ATTR_ERROR_TYPE,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_REQUEST_METHOD_ORIGINAL,
  ATTR_HTTP_REQUEST_RESEND_COUNT,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_NETWORK_PROTOCOL_VERSION,
  ATTR_RPC_METHOD,
  ATTR_RPC_METHOD_ORIGINAL,
  ATTR_RPC_STATUS_CODE,
  ATTR_RPC_SYSTEM_NAME,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  ATTR_URL_FULL,
  ATTR_URL_PATH,
  ATTR_URL_QUERY,
  ATTR_URL_SCHEME,
  ATTR_USER_AGENT_ORIGINAL,
  RPC_SYSTEM_NAME_VALUE_GRPC,
} from '@opentelemetry/semantic-conventions'
import type { Protocol } from '../../observability/exchange-record.ts'
import type { AttemptSpan, ExchangeSpan, SpanRecord } from '../../observability/span-record.ts'
import { errorTypeOf, grpcStatusOf } from './span-errors.ts'

/** The methods that the semantic conventions of HTTP know. */
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', 'QUERY']
/** What stands for all others. */
const OTHER = '_OTHER'

/** The name of a span. It has nothing that a client chooses. */
export function nameOf(span: SpanRecord): string {
  if (servesCall(span)) return rpcMethodOf(span)
  const method = methods.includes(span.method) ? span.method : 'HTTP'
  return span.kind === 'exchange' && span.route !== undefined ? `${method} ${decoded(span.route)}` : method
}

/** What the semantic conventions of HTTP and gRPC, and Limpet, say of a span. */
export function attributesOf(span: SpanRecord): Attributes {
  const isKnown = methods.includes(span.method)
  return present({
    [ATTR_HTTP_REQUEST_METHOD]: isKnown ? span.method : OTHER,
    [ATTR_HTTP_REQUEST_METHOD_ORIGINAL]: isKnown ? undefined : span.method,
    [ATTR_HTTP_RESPONSE_STATUS_CODE]: span.status === 0 ? undefined : span.status,
    [ATTR_NETWORK_PROTOCOL_VERSION]: versionOf(span.protocol),
    [ATTR_ERROR_TYPE]: errorTypeOf(span),
    ...(span.isGrpc && ofCall(span)),
    ...(span.kind === 'exchange' ? ofExchange(span) : ofAttempt(span)),
    'limpet.upstream': span.upstream,
    'limpet.server': span.server,
    'limpet.failure': span.failure,
  })
}

/** The exporter would take an attribute without a value for one with an empty value. */
function present(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined))
}

function ofCall(span: SpanRecord): Attributes {
  const isKnown = servesCall(span)
  return {
    [ATTR_RPC_SYSTEM_NAME]: RPC_SYSTEM_NAME_VALUE_GRPC,
    [ATTR_RPC_METHOD]: isKnown ? rpcMethodOf(span) : OTHER,
    [ATTR_RPC_METHOD_ORIGINAL]: isKnown ? undefined : rpcMethodOf(span),
    [ATTR_RPC_STATUS_CODE]: grpcStatusOf(span),
  }
}

/** Whether it is a call of gRPC whose method exists, as its server's status shows. */
function servesCall(span: SpanRecord): boolean {
  const status = grpcStatusOf(span)
  return status !== undefined && status !== 'UNIMPLEMENTED' && span.failure === undefined
}

function ofExchange(span: ExchangeSpan): Attributes {
  const { host, port } = hostAndPort(span.authority)
  return {
    [ATTR_HTTP_ROUTE]: span.route === undefined ? undefined : decoded(span.route),
    [ATTR_URL_SCHEME]: schemeOf(span),
    [ATTR_URL_PATH]: span.path,
    [ATTR_URL_QUERY]: span.query || undefined,
    [ATTR_SERVER_ADDRESS]: host || undefined,
    [ATTR_SERVER_PORT]: host === '' ? undefined : (port ?? (span.isSecure ? 443 : 80)),
    [ATTR_CLIENT_ADDRESS]: span.clientAddress,
    [ATTR_USER_AGENT_ORIGINAL]: span.userAgent || undefined,
    'limpet.reason': span.reason,
    'limpet.session.standing': span.standing,
    'limpet.queue_ms': span.queued > 0 ? span.queued : undefined,
  }
}

function ofAttempt(span: AttemptSpan): Attributes {
  return {
    [ATTR_URL_FULL]: urlOf(span),
    [ATTR_SERVER_ADDRESS]: span.address,
    [ATTR_SERVER_PORT]: span.port,
    [ATTR_HTTP_REQUEST_RESEND_COUNT]: span.resends > 0 ? span.resends : undefined,
  }
}

function urlOf(span: AttemptSpan): string {
  const { address, port, path, query } = span
  const host = address.includes(':') ? `[${address}]` : address
  const authority = port === undefined ? 'localhost' : `${host}:${port}`
  return `${schemeOf(span)}://${authority}${path}${query && `?${query}`}`
}

function schemeOf({ isSecure }: SpanRecord): string {
  return isSecure ? 'https' : 'http'
}

function versionOf(protocol: Protocol | undefined): string | undefined {
  if (protocol === undefined || protocol === '') return undefined
  return protocol === 'HTTP/2.0' ? '2' : protocol.slice('HTTP/'.length)
}

/** `package.Service/Method`. */
function rpcMethodOf({ path }: SpanRecord): string {
  return path.slice('/'.length)
}

/** A route's path holds the bytes of its UTF-8, one a character. */
function decoded(route: string): string {
  return Buffer.from(route, 'latin1').toString()
}

/** `example.org:81`, `[::1]`. */
function hostAndPort(authority: string): { host: string; port: number | undefined } {
  const [, host = '', port] = /^(\[.*\]|[^:]*)(?::(\d+))?$/.exec(authority) ?? []
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: port === undefined ? undefined : Number(port) }
}
