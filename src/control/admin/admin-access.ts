import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AccessRules, Token } from '../../admin/access.ts'
import { type AdminToken, isAdminToken, SHORTEST_TOKEN } from '../../config/admin.ts'
import { ConfigError } from '../../config/error.ts'
import type { Config } from '../../config/schema.ts'
import type { StateDirectory } from '../state/state-directory.ts'

/** The file in the state directory with the token of this machine. Who can read it is this user. */
export const MACHINE_TOKEN = 'admin-token'

/**
 * Who may ask the admin API what. Without tokens in the configuration, a socket's file says who may connect; over a port,
 * everyone may read, and the token that is kept in the state directory lets this user change things.
 *
 * @throws ConfigError if a token cannot be read
 */
export function adminAccessOf({ admin }: Config, state: StateDirectory): AccessRules {
  const tokens = admin === undefined || admin === 'off' ? undefined : admin.tokens
  if (tokens !== undefined) {
    return { tokens: tokensOf(tokens), anyone: undefined, hint: 'send Authorization: Bearer and one of admin.tokens' }
  }
  if (admin === undefined || admin === 'off' || 'socket' in admin) {
    return {
      tokens: [],
      anyone: { name: 'socket', scope: 'write' },
      hint: 'a socket needs none; leave Authorization out',
    }
  }
  return {
    tokens: [{ name: MACHINE_TOKEN, scope: 'write', value: machineToken(state) }],
    anyone: { name: 'anyone', scope: 'read' },
    hint: `send Authorization: Bearer and what ${join(state.path, MACHINE_TOKEN)} holds`,
  }
}

/** The token of this machine, which the first run generates. One that others could read is replaced. */
export function machineToken(state: StateDirectory): string {
  const kept = state.isPrivate(MACHINE_TOKEN) ? state.read(MACHINE_TOKEN)?.toString().trim() : undefined
  if (kept !== undefined && isAdminToken(kept)) return kept
  const token = randomBytes(32).toString('base64url')
  state.write(MACHINE_TOKEN, Buffer.from(`${token}\n`))
  return token
}

function tokensOf(tokens: readonly AdminToken[]): Token[] {
  return tokens.map(({ name, scope, source }, index) => {
    if ('value' in source) return { name, scope, value: source.value }
    return { name, scope, value: tokenIn(source.file, `admin.tokens[${index}].file`) }
  })
}

function tokenIn(file: string, path: string): string {
  const value = contentOf(file, path)
  if (isAdminToken(value)) return value
  const message = `expected ${file} to hold only a token, of at least ${SHORTEST_TOKEN} characters`
  throw new ConfigError([{ where: '', path, message, hint: `make one with: openssl rand -hex 32 > ${file}` }])
}

function contentOf(file: string, path: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new ConfigError([{ where: '', path, message: `cannot read ${file}: ${(error as Error).message}` }])
  }
}
