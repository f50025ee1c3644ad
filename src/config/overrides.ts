import type { z } from 'zod'
import { MAX_SERVERS } from '../runtime/bounds.ts'
import { AccessLogFormat } from './access-log.ts'
import { ConfigError } from './error.ts'
import { Instance } from './instance.ts'
import { scalar } from './interpolate.ts'
import type { KeyPath } from './key-path.ts'
import { type LabGroup, readServerList } from './lab.ts'
import { Port } from './listener.ts'
import { unknownListeners } from './listener-name.ts'
import { overlap } from './place.ts'
import { type Config, Workers } from './schema.ts'
import { Server } from './server.ts'
import { DockerLabels } from './sources/docker.ts'
import { formatUnixSocket } from './unix-socket.ts'
import { validate } from './validate.ts'

/** The flags of the command line, as text or already as numbers. */
export interface Flags {
  readonly port?: string | number | undefined
  readonly workers?: string | number | undefined
  readonly accessLog?: string | undefined
  readonly instance?: string | undefined
  /** The address of a Docker engine; true: the usual one. */
  readonly docker?: string | true | undefined
}

/** A flag or an environment variable that replaces a part of the Config. */
export interface Override {
  /** Its name: `--port`, `PORT`. */
  readonly source: string
  /** The part. */
  readonly replaces: KeyPath
  /** The Config with the part replaced. Throws ConfigError if it has no such part. */
  apply(config: Config): Config
}

/** Returns the override if it is set; the flag wins over the variable. Throws ConfigError for an invalid value. */
export type ReadOverride = (flags: Flags, env: NodeJS.ProcessEnv) => Override | undefined

/** The parts that a flag or a variable may replace. To add one, add an entry. */
export const settings: readonly ReadOverride[] = [
  setting({
    flag: 'port',
    variable: 'PORT',
    example: '8080',
    schema: Port,
    replaces: ['listeners', 0, 'port'],
    replace: replacePort,
  }),
  setting({
    flag: 'workers',
    variable: 'LIMPET_WORKERS',
    example: '2',
    schema: Workers,
    replaces: ['workers'],
    replace: (config, workers) => ({ ...config, workers }),
  }),
  setting({
    flag: 'accessLog',
    variable: 'LIMPET_ACCESS_LOG',
    example: 'json',
    schema: AccessLogFormat,
    replaces: ['accessLog', 'format'],
    replace: (config, format) => ({ ...config, accessLog: { ...config.accessLog, format } }),
  }),
  setting({
    flag: 'instance',
    variable: 'LIMPET_INSTANCE',
    example: 'shop',
    schema: Instance,
    replaces: ['instance'],
    replace: (config, instance) => ({ ...config, instance }),
  }),
  dockerOverride,
]

/** The lab's servers of a group, for the upstream of the same name; undefined if the lab's variable is unset. */
export function serversOverride(group: LabGroup, env: NodeJS.ProcessEnv): Override | undefined {
  const list = readServerList(group, env)
  if (!list) return undefined
  const servers = list.addresses.map((address) => Server.parse(address))
  const replaces = ['upstreams', group, 'servers']
  return { source: list.variable, replaces, apply: (config) => replaceServers(config, group, servers, list.variable) }
}

/** `--docker` has no variable beside it: DOCKER_HOST says where the engine is, and not that it is asked. */
function dockerOverride({ docker }: Flags): Override | undefined {
  if (docker === undefined) return undefined
  const outcome = validate(DockerLabels, docker === true ? {} : { host: docker })
  if ('issues' in outcome) {
    const [issue] = outcome.issues
    throw refusal('--docker', issue?.message ?? '', issue?.hint)
  }
  const { host } = outcome.value
  return {
    source: '--docker',
    replaces: ['discovery', 'docker'],
    apply: ({ discovery, ...config }) => ({
      ...config,
      discovery: {
        ...discovery,
        docker: { ...outcome.value, ...discovery?.docker, ...(host !== undefined && { host }) },
      },
    }),
  }
}

interface Setting<Schema extends z.ZodType> {
  readonly flag: Exclude<keyof Flags, 'docker'>
  readonly variable: string
  readonly example: string
  readonly schema: Schema
  readonly replaces: KeyPath
  replace(config: Config, value: z.output<Schema>, source: string): Config
}

function setting<Schema extends z.ZodType>({
  flag,
  variable,
  example,
  schema,
  replaces,
  replace,
}: Setting<Schema>): ReadOverride {
  const option = `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
  return (flags, env) => {
    const given = flags[flag]
    const written = given ?? (env[variable] || undefined)
    if (written === undefined) return undefined
    const [source, usage] =
      given === undefined ? [variable, `${variable}=${example}`] : [option, `${option} ${example}`]
    const text = String(written)
    const asText = validate(schema, text)
    const outcome = 'value' in asText ? asText : validate(schema, scalar(text))
    if ('value' in outcome) return { source, replaces, apply: (config) => replace(config, outcome.value, source) }
    const [issue] = outcome.issues
    throw refusal(source, issue?.message ?? '', issue?.hint ?? `for example ${usage}`)
  }
}

function replacePort(config: Config, port: number, source: string): Config {
  const [listener, ...others] = config.listeners
  if (listener && others.length === 0) {
    if (!('port' in listener)) {
      const message = `expected a listener whose port it can replace, found ${formatUnixSocket(listener.path)}`
      throw refusal(source, message, `unset ${source}, or give the listener an address`)
    }
    const place = { ...listener, port }
    const { admin } = config
    if (admin !== undefined && admin !== 'off' && 'port' in admin && overlap(place, admin)) {
      const message = `expected a port other than the admin API's, found ${port}`
      throw refusal(source, message, 'choose another port here, or another one for admin in the file')
    }
    if (config.metrics !== undefined && overlap(place, config.metrics)) {
      const message = `expected a port other than that of the metrics, found ${port}`
      throw refusal(source, message, 'choose another port here, or another one for metrics in the file')
    }
    const unnamed = config.routes.flatMap((route) => unknownListeners(route.listeners, [place]))
    if (unnamed.length > 0) {
      const message = `expected no route that names the listener by its port, found one for ${unnamed[0]}`
      throw refusal(source, message, 'give the listener a name, and write that in the route')
    }
    return { ...config, listeners: [place] }
  }
  const message = `expected exactly one listener, whose port it replaces, found ${config.listeners.length}`
  throw refusal(source, message, 'set the ports in the file')
}

function replaceServers(config: Config, name: string, servers: Server[], source: string): Config {
  const names = config.upstreams.map((upstream) => upstream.name)
  if (!names.includes(name)) {
    const message = `expected an upstream named ${name}, whose servers it replaces, found ${names.join(', ') || 'none'}`
    throw refusal(source, message, `unset ${source}, or name an upstream ${name}`)
  }
  const upstreams = config.upstreams.map((upstream) =>
    upstream.name === name ? { ...upstream, servers, sources: [] } : upstream,
  )
  const count = upstreams.reduce((sum, upstream) => sum + upstream.servers.length, 0)
  if (count > MAX_SERVERS) throw refusal(source, `expected at most ${MAX_SERVERS} servers in total, found ${count}`)
  return { ...config, upstreams }
}

function refusal(where: string, message: string, hint?: string): ConfigError {
  return new ConfigError([{ where, path: '', message, hint }])
}
