import { formatAddress, parseAddress } from './address.ts'
import { Attempts, ConfigError, InvalidValue, type Problem, shown } from './error.ts'
import { resolve } from './resolve.ts'
import type { Config } from './schema.ts'

/** The lab's two groups of servers, and the variables that list them; messages suggest the first name. */
const variables = { static: ['STATIC_BACKEND', 'STATIC_APP'], dynamic: ['DYNAMIC_BACKEND'] } as const

export type LabGroup = keyof typeof variables
export const labGroups = Object.keys(variables) as LabGroup[]

/** One variable's list of servers. */
export interface ServerList {
  readonly variable: string
  /** Different `host:port`. */
  readonly addresses: readonly string[]
}

/** A hint with a working value for both variables. */
export const labExample = `${exampleOf('STATIC_BACKEND')} ${exampleOf('DYNAMIC_BACKEND')}`

/** Whether any of the lab's variables is set, even to an empty list. */
export function isLab(env: NodeJS.ProcessEnv): boolean {
  return Object.values(variables).some((names) => names.some((name) => env[name] !== undefined))
}

/**
 * The Config of the lab: exactly `/api/student` and `/api/student/` go to the dynamic servers by round robin, everything
 * else to the static servers by ip-hash. Throws ConfigError with all problems in the lists.
 */
export function labConfig(env: NodeJS.ProcessEnv): Config {
  const attempts = new Attempts()
  const [statics, dynamics] = labGroups.map((group) => attempts.attempt(() => requireServerList(group, env).addresses))
  const file = attempts.conclude({
    routes: [
      { path: '/*', upstream: 'static' },
      { path: ['/api/student', '/api/student/'], upstream: 'dynamic' },
    ],
    upstreams: {
      static: { balance: 'ip-hash', servers: statics },
      dynamic: { balance: 'round-robin', servers: dynamics },
    },
  })
  const outcome = resolve(file)
  if ('value' in outcome) return outcome.value
  throw new ConfigError(outcome.issues.map(({ message }) => ({ where: 'environment', path: '', message })))
}

/** The servers that the environment lists for a group; undefined if it lists none. Throws ConfigError. */
export function readServerList(group: LabGroup, env: NodeJS.ProcessEnv): ServerList | undefined {
  const lists = variables[group].map((variable) => ({ variable, entries: entriesOf(env[variable]) }))
  const [list, other] = lists.filter(({ entries }) => entries.length > 0)
  if (!list) return undefined
  if (other && list.entries.join(' ') !== other.entries.join(' ')) {
    const message = `expected the same list as in ${list.variable}, found a different one`
    throw new ConfigError([{ where: other.variable, path: '', message, hint: 'set only one of the two' }])
  }
  return parseList(list.variable, list.entries)
}

function requireServerList(group: LabGroup, env: NodeJS.ProcessEnv): ServerList {
  const list = readServerList(group, env)
  if (list) return list
  const variable = variables[group][0]
  const message = `expected a list of host:port, found ${env[variable] === undefined ? 'nothing' : 'an empty list'}`
  throw new ConfigError([{ where: variable, path: '', message, hint: `for example ${exampleOf(variable)}` }])
}

function parseList(variable: string, entries: readonly string[]): ServerList {
  const addresses: string[] = []
  const problems: Problem[] = []
  for (const [index, entry] of entries.entries()) {
    try {
      addresses.push(parseEntry(entry, addresses))
    } catch (error) {
      if (!(error instanceof InvalidValue)) throw error
      const hint = [error.hint, `for example ${exampleOf(variable)}`].filter(Boolean).join('; ')
      problems.push({
        where: variable,
        path: `entry ${index + 1}`,
        message: `${error.message}, found ${shown(entry)}`,
        hint,
      })
    }
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return { variable, addresses }
}

function parseEntry(entry: string, before: readonly string[]): string {
  const address = formatAddress(parseAddress(entry))
  if (before.includes(address)) throw new InvalidValue('each server once', 'remove this entry')
  return address
}

function entriesOf(list = ''): string[] {
  return list.split(/\s+/).filter((entry) => entry !== '')
}

function exampleOf(variable: string): string {
  const addresses = variable === 'DYNAMIC_BACKEND' ? '172.17.0.4:80 172.17.0.5:80' : '172.17.0.2:80 172.17.0.3:80'
  return `${variable}="${addresses}"`
}
