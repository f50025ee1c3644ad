import { isIP } from 'node:net'
import { claims } from '../client-address.ts'
import { block, type Directive, directive } from '../directive.ts'
import { when } from '../refusal.ts'
import { tlsTo } from '../tls.ts'
import { type FilterExport, internalPath, type Of, type Standing } from './filter-export.ts'
import { inexpressibleNames, setRequestHeader } from './request-header.ts'
import { addResponseHeader, isPlainName, underscored } from './response-header.ts'

type ForwardAuth = Of<'forwardAuth'>

/** How the request is described to the service: as src/filters/forward-auth/question.ts does. */
const described: readonly (readonly [name: string, value: string])[] = [
  ['X-Forwarded-Method', '$request_method'],
  ['X-Forwarded-Proto', '$scheme'],
  ['X-Forwarded-Host', '$limpet_authority'],
  ['X-Forwarded-Uri', '$request_uri'],
  ['X-Forwarded-For', '$remote_addr'],
  ['X-Real-IP', '$remote_addr'],
  ['X-Original-Method', '$request_method'],
  ['X-Original-URL', '$scheme://$limpet_authority$request_uri'],
  ['X-Original-URI', '$request_uri'],
  ['X-Request-Id', '$limpet_request_id'],
]

/** Of the body and of the connection, or what would make the answer depend on what the client has already. */
const notAsked = [
  ...['Connection', 'Content-Encoding', 'Content-Length', 'Forwarded', 'HTTP2-Settings', 'If-Match'],
  ...['If-Modified-Since', 'If-None-Match', 'If-Range', 'If-Unmodified-Since', 'Proxy-Connection', 'Range'],
  ...['Trailer', 'Upgrade', 'X-Forwarded-Port', ...claims],
].filter((name) => !described.some(([each]) => each === name))

/** `auth_request`, with a location that asks. */
export const forwardAuth: FilterExport<ForwardAuth> = {
  isOnly: true,
  directives: (standing) => {
    const { filter, word } = standing
    const copied = (filter.copy ?? []).map((name) => ({ name, variable: `$limpet_auth_${word}_${underscored(name)}` }))
    const cookies = `$limpet_auth_${word}_cookies`
    return {
      gates: [
        directive('auth_request', internalPath(`auth_${word}`)),
        ...copied.map(({ name, variable }) =>
          directive('auth_request_set', variable, `$upstream_http_${underscored(name)}`),
        ),
        directive('auth_request_set', cookies, '$upstream_http_set_cookie'),
      ],
      passing: copied.flatMap(({ name, variable }) => setRequestHeader(name, variable)),
      response: [addResponseHeader('Set-Cookie', cookies)],
      locations: () => [askingLocation(standing)],
    }
  },
  problems: ({ filter: { url, headers = [], copy = [], cache }, path, changedBefore }) => [
    ...when(url.includes('$'), `${path}.url`, 'nginx reads $ as a variable', 'write %24'),
    ...when(
      url.startsWith('https:') && isIP(new URL(url).hostname.replace(/^\[|\]$/g, '')) !== 0,
      `${path}.url`,
      'nginx verifies no addresses',
      'write the name that the certificate has',
    ),
    ...when(cache !== undefined, `${path}.cache`, 'nginx asks about each request', 'leave it out'),
    ...when(
      ![...headers, ...copy].every(isPlainName),
      path,
      'nginx knows only headers whose names consist of letters, digits and -',
      'use other headers',
    ),
    ...when(
      changedBefore.some((what) => what.startsWith('request ') && what !== 'request x-forwarded-prefix'),
      path,
      'nginx asks with the headers that the client has sent',
      'put it before the filters that change headers of requests',
    ),
    ...inexpressibleNames(copy, `${path}.copy`),
  ],
  changes: ({ copy = [] }) => copy.map((name) => `request ${name.toLowerCase()}`),
}

function askingLocation({ filter: { url, headers, timeout }, word }: Standing<ForwardAuth>): Directive {
  const { href, protocol, host, hostname } = new URL(url)
  const wait = `${timeout}ms`
  return block(
    'location',
    ['=', internalPath(`auth_${word}`)],
    [
      directive('internal'),
      directive('proxy_pass', href),
      directive('proxy_pass_request_body', 'off'),
      ...(headers === undefined ? [] : [directive('proxy_pass_request_headers', 'off')]),
      directive('proxy_connect_timeout', wait),
      directive('proxy_send_timeout', wait),
      directive('proxy_read_timeout', wait),
      ...(protocol === 'https:' ? tlsTo({ name: hostname, verify: true }) : []),
      directive('proxy_set_header', 'Host', host),
      ...described.map(([name, value]) => directive('proxy_set_header', name, value)),
      ...notAsked.map((name) => directive('proxy_set_header', name, '')),
      ...(headers ?? [])
        .filter(isAsked)
        .map((name) => directive('proxy_set_header', name, `$http_${underscored(name)}`)),
    ],
  )
}

function isAsked(name: string): boolean {
  const key = name.toLowerCase()
  return (
    !key.startsWith('x-forwarded-') &&
    ![...described.map(([each]) => each), ...notAsked].some((each) => each.toLowerCase() === key)
  )
}
