import { readFileSync } from 'node:fs'
import { formatAddress } from '../config/address.ts'
import { ConfigError } from '../config/error.ts'
import type { Config } from '../config/schema.ts'
import { formatUnixSocket } from '../config/unix-socket.ts'
import { adminPlaceOf } from '../control/admin-place.ts'
import { StateDirectory } from '../control/state-directory.ts'
import type { AdminOptions } from './admin-options.ts'
import { CommandFailure } from './command-failure.ts'
import { type ConfigOptions, loadFromOptions } from './options.ts'

/** Where an admin API answers, and the token to show it. */
export interface AdminPlace {
  readonly endpoint: URL | { readonly socket: string }
  /** Reads the token; undefined if none is known. */
  readonly token: () => string | undefined
}

/** The file in the state directory with the token for programs of the same user on this machine. */
const OWN_TOKEN = 'admin-token'

const TURN_ON = 'turn it on with this line in limpet.yaml: admin: on'

/** Finds the admin API where the options say, else where the configuration says. */
export async function placeFrom({ url, socket, tokenFile, ...options }: AdminOptions): Promise<AdminPlace> {
  const given = tokenFile === undefined ? undefined : () => readToken(tokenFile)
  const none = () => undefined
  if (socket !== undefined) return { endpoint: { socket }, token: given ?? none }
  if (url === undefined) {
    const { config } = await loadFromOptions(options)
    return { endpoint: endpointOf(config), token: given ?? (() => tokenOf(config)) }
  }
  const endpoint = parseUrl(url)
  if (given !== undefined) return { endpoint, token: given }
  // What is known on this machine is shown to no other.
  if (!isLoopback(endpoint)) return { endpoint, token: none }
  const config = await configIfAny(options)
  return { endpoint, token: () => tokenOf(config) }
}

/** As messages show it: `http://127.0.0.1:9000`, `unix:/run/limpet/admin.sock`. */
export function formatPlace({ endpoint }: AdminPlace): string {
  return endpoint instanceof URL ? endpoint.origin : formatUnixSocket(endpoint.socket)
}

/** The configuration, which a command with --url can do without. A file that was named must be valid. */
async function configIfAny(options: ConfigOptions): Promise<Config | undefined> {
  try {
    return (await loadFromOptions(options)).config
  } catch (error) {
    if (options.config !== undefined || !(error instanceof ConfigError)) throw error
    return undefined
  }
}

function endpointOf(config: Config): AdminPlace['endpoint'] {
  const place = adminPlaceOf(config, process.env, stateOf(config).path)
  if (place === undefined) {
    throw new CommandFailure(`the admin API is off in this configuration; ${TURN_ON} (or give --url)`)
  }
  return 'socket' in place ? place : new URL(`http://${formatAddress({ host: place.address, port: place.port })}`)
}

function parseUrl(written: string): URL {
  const text = /^https?:\/\//.test(written) ? written : `http://${written}`
  if (URL.canParse(text)) return new URL(text)
  throw new CommandFailure(`expected a URL such as http://127.0.0.1:9000, found ${written}`)
}

function isLoopback({ hostname }: URL): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname)
}

function stateOf(config: Config | undefined): StateDirectory {
  return new StateDirectory(config?.stateDirectory, process.env, () => {})
}

function tokenOf(config: Config | undefined): string | undefined {
  const state = stateOf(config)
  return state.holds(OWN_TOKEN) ? readToken(state.pathOf(OWN_TOKEN)) : undefined
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new CommandFailure(`cannot read the token: ${(error as Error).message}`)
  }
}
