import { posix } from 'node:path'
import { z } from 'zod'
import { InvalidValue } from './error.ts'
import { matching, text, whole } from './field.ts'
import { parseListenAddress } from './host.ts'
import { formatUnixSocket, isUnixSocket, parseUnixSocket } from './unix-socket.ts'

/** A password of the admin API. */
export interface AdminToken {
  /** Who has it, for the log. */
  readonly name: string
  /** write: everything. read: what changes nothing. */
  readonly scope: 'read' | 'write'
  /** The token itself, or the file that holds it. */
  readonly source: { readonly value: string } | { readonly file: string }
}

/** An address and port on which the admin API listens. */
export interface AdminPort {
  readonly address: string
  /** 0: any free port. */
  readonly port: number
  /** The names, besides those of this machine, under which it may be asked for. */
  readonly hosts?: string[]
  readonly tokens?: AdminToken[]
}

/** A Unix socket on which the admin API listens. */
export interface AdminSocket {
  readonly socket: string
  readonly tokens?: AdminToken[]
}

/** The least number of characters in a token: 128 bits in hexadecimal digits have 32. */
export const SHORTEST_TOKEN = 32
/** What `Authorization: Bearer` can carry (RFC 6750, 2.1). */
const tokenPattern = new RegExp(`^[A-Za-z0-9._~+/-]{${SHORTEST_TOKEN},512}=*$`)
const aToken = `a token of ${SHORTEST_TOKEN} to 512 letters, digits and . _ ~ + / -`

/** Whether the text can be a token. */
export function isAdminToken(text: string): boolean {
  return tokenPattern.test(text)
}

const TokenFields = z
  .strictObject({
    name: matching(/^[A-Za-z0-9][\w.@-]{0,63}$/, 'a name of letters, digits and . _ @ -').describe(
      'Who has the token. The log names it with each change.',
    ),
    scope: z.enum(['read', 'write']).describe('write: everything. read: only what changes nothing.'),
    file: z
      .exactOptional(z.string().min(1, 'the path of a file'))
      .describe('The path of a file that holds only the token.'),
    value: z
      .exactOptional(matching(tokenPattern, aToken))
      .describe('The token itself, best given as a variable of the environment.'),
  })
  .check(({ value, issues }) => {
    if ((value.file === undefined) !== (value.value === undefined)) return
    const message = 'either a file or a value'
    issues.push({ code: 'custom', message, path: value.value === undefined ? [] : ['file'], input: value.file })
  })

const Token = z.codec(TokenFields, z.custom<AdminToken>(), {
  decode: ({ name, scope, file, value = '' }) => ({ name, scope, source: file === undefined ? { value } : { file } }),
  encode: ({ source, ...rest }) => ({ ...rest, ...source }),
})

const Tokens = z
  .array(Token)
  .min(1, 'at least one token')
  .max(100, 'at most 100 tokens')
  .check(({ value: tokens, issues }) => {
    const names = tokens.map(({ name }) => name)
    for (const [index, input] of names.entries()) {
      if (names.indexOf(input) < index)
        issues.push({ code: 'custom', message: 'a unique name', path: [index, 'name'], input })
    }
  })

/** Whether only this machine reaches that address. */
export function isLoopback(address: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/.test(address)
}

function parseAdminAddress(written: string): string {
  const address = parseListenAddress(written)
  if (!isUnixSocket(address)) return address
  throw new InvalidValue('an address', `write socket: ${parseUnixSocket(address)} instead`)
}

/** Reads an absolute path, with or without `unix:` before it. */
function parseSocket(written: string): string {
  if (isUnixSocket(written)) return parseUnixSocket(written)
  if (!posix.isAbsolute(written)) throw new InvalidValue('the absolute path of a socket')
  return parseUnixSocket(formatUnixSocket(written))
}

const AdminFields = z
  .strictObject({
    address: z
      .exactOptional(text(parseAdminAddress, 'an address to listen on'))
      .describe('The address on which it listens. One that other machines can reach needs tokens. Default: 127.0.0.1.'),
    port: z.exactOptional(whole(0, 65_535)).describe('The port on which it listens. 0: any free port. Default: 9000.'),
    hosts: z
      .exactOptional(z.array(matching(/^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/, 'a host name in lower case, without a port')))
      .describe('The names under which it may be asked for, besides localhost and addresses. Default: none.'),
    socket: z
      .exactOptional(text(parseSocket, 'the path of a socket'))
      .describe('The path of the Unix socket on which it listens, instead of a port. Only the same user may connect.'),
    tokens: z.exactOptional(Tokens).describe('The tokens, of which each request needs one. Default: none.'),
  })
  .check(({ value, issues }) => {
    if (value.socket === undefined) return
    for (const key of ['address', 'port', 'hosts'] as const) {
      if (value[key] === undefined) continue
      issues.push({
        code: 'custom',
        message: `no ${key}, because a Unix socket has none`,
        path: [key],
        input: value[key],
      })
    }
  })

const AdminSettings = z.codec(AdminFields, z.custom<AdminPort | AdminSocket>(), {
  decode: ({ socket, address = '127.0.0.1', port = 9000, hosts, tokens }) => ({
    ...(socket === undefined ? { address, port } : { socket }),
    ...(hosts !== undefined && { hosts }),
    ...(tokens !== undefined && { tokens }),
  }),
  encode: (held) => held,
})

const AdminSwitch = z.codec(z.enum(['on', 'off']), z.custom<AdminPort | AdminSocket | 'off'>(), {
  decode: (switched) => (switched === 'on' ? AdminSettings.parse({}) : 'off'),
  encode: (held) => (held === 'off' ? 'off' : 'on'),
})

/** The admin API: where it listens, or `off`. */
export const Admin = z.union([AdminSettings, AdminSwitch], 'on, off, or a mapping such as { port: 9000 }')
