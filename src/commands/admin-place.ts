import { existsSync, readFileSync } from 'node:fs'
import type { AdminPlace as ListeningPlace } from '../admin/admin-listener.ts'
import { formatAddress } from '../config/address.ts'
import { isLoopback } from '../config/admin.ts'
import { ConfigError } from '../config/error.ts'
import type { Config } from '../config/schema.ts'
import { formatUnixSocket } from '../config/unix-socket.ts'
import { MACHINE_TOKEN } from '../control/admin/admin-access.ts'
import { adminPlaceOf } from '../control/admin/admin-place.ts'
import { StateDirectory } from '../control/state/state-directory.ts'
import type { AdminOptions } from './admin-options.ts'
import { CommandFailure } from './command-failure.ts'
import { type ConfigOptions, loadFromOptions } from './options.ts'
import { socketOfRunning } from './renamed-instance.ts'

/** Where an admin API answers, and what to show it. */
export interface AdminPlace {
  readonly endpoint: URL | { readonly socket: string }
  /** Reads the token, for a change or for a look; undefined if none is needed, or known. */
  readonly token: (isChange: boolean) => string | undefined
}

const TURN_ON = 'turn it on with this line in limpet.yaml: admin: on'

/** Finds the admin API where the options say, else where the configuration says. */
export async function placeFrom({ url, socket, tokenFile, ...options }: AdminOptions): Promise<AdminPlace> {
  const isGiven = url !== undefined || socket !== undefined
  const config = isGiven ? await configIfAny(options) : await configOf(options)
  const endpoint =
    url !== undefined ? parseUrl(url) : socket !== undefined ? { socket } : await endpointFrom(config!, options)
  if (tokenFile !== undefined) return { endpoint, token: () => readToken(tokenFile) }
  // What is known on this machine is shown to no other.
  if (url !== undefined && !isOnThisMachine(parseUrl(url))) return { endpoint, token: () => undefined }
  return { endpoint, token: (isChange) => tokenOf(config, isChange && endpoint instanceof URL) }
}

/** As messages show it: `http://127.0.0.1:9000`, `unix:/run/limpet/admin.sock`. */
export function formatPlace({ endpoint }: AdminPlace): string {
  return endpoint instanceof URL ? endpoint.origin : formatUnixSocket(endpoint.socket)
}

/** The configuration. Where it is not valid, a running Limpet serves on by an earlier one, and can be asked all the same. */
async function configOf(options: ConfigOptions): Promise<Config> {
  try {
    return (await loadFromOptions(options, { mayBeFound: true })).config
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new CommandFailure(`${error.message}\n(--socket PATH or --url URL asks a running Limpet without it)`)
  }
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

async function endpointFrom(config: Config, options: ConfigOptions): Promise<AdminPlace['endpoint']> {
  const place = await configuredPlace(config, options)
  if (place === undefined) {
    throw new CommandFailure(`the admin API is off in this configuration; ${TURN_ON} (or give --url)`)
  }
  if ('socket' in place) return place
  return new URL(`http://${formatAddress({ host: place.address, port: place.port })}`)
}

/** Where the admin API of a running Limpet with that configuration listens; undefined if it is off. */
export async function configuredPlace(
  config: Config,
  { instance }: ConfigOptions,
): Promise<ListeningPlace | undefined> {
  const place = adminPlaceOf(config, process.env, stateOf(config).path)
  if (place === undefined || !('socket' in place)) return place
  // The default place is named after the instance, and that after the ports. The file may have others since the start.
  if (config.admin !== undefined || instance !== undefined || existsSync(place.socket)) return place
  return { socket: (await socketOfRunning(config, place.socket)) ?? place.socket }
}

function parseUrl(written: string): URL {
  const text = /^https?:\/\//.test(written) ? written : `http://${written}`
  if (URL.canParse(text)) return new URL(text)
  throw new CommandFailure(`expected a URL such as http://127.0.0.1:9000, found ${written}`)
}

function isOnThisMachine({ hostname }: URL): boolean {
  return isLoopback(hostname.replace(/^\[(.*)\]$/, '$1'))
}

function stateOf(config: Config | undefined): StateDirectory {
  return new StateDirectory(config?.stateDirectory, process.env, () => {})
}

/** @param needsMachineToken whether that of the machine is needed where the configuration has none */
function tokenOf(config: Config | undefined, needsMachineToken: boolean): string | undefined {
  const admin = config?.admin
  const tokens = admin === undefined || admin === 'off' ? undefined : admin.tokens
  if (tokens !== undefined) {
    const { source } = tokens.find(({ scope }) => scope === 'write') ?? tokens[0]!
    return 'value' in source ? source.value : readToken(source.file)
  }
  const state = stateOf(config)
  // Without one, the API says what is missing.
  return needsMachineToken && state.holds(MACHINE_TOKEN) ? readToken(state.pathOf(MACHINE_TOKEN)) : undefined
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new CommandFailure(`cannot read the token: ${(error as Error).message}`)
  }
}
