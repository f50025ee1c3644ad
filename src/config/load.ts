import { existsSync } from 'node:fs'
import { resolve as resolvePath } from 'node:path'
import { Attempts, ConfigError } from './error.ts'
import { readConfigFile } from './file.ts'
import { withCookieNames } from './instance.ts'
import { isLab, labConfig, labExample, labGroups } from './lab.ts'
import { type Flags, serversOverride, settings } from './overrides.ts'
import type { Config } from './schema.ts'

export interface LoadOptions {
  /** The file that the command line names; read relative to `cwd`. */
  readonly file?: string | undefined
  readonly env: NodeJS.ProcessEnv
  readonly flags?: Flags
  readonly cwd: string
}

export interface LoadedConfig {
  readonly config: Config
  readonly origin: Origin
}

/** Where a Config came from. */
export interface Origin {
  /** The absolute path of its file; undefined if it came from the lab's variables. */
  readonly file: string | undefined
  /** The flags and variables that replaced parts of it: `--port`, `STATIC_BACKEND`. */
  readonly overrides: readonly string[]
}

/**
 * Loads the configuration from the first that is there: the file of the command line, of LIMPET_CONFIG,
 * `./limpet.yaml`, `/etc/limpet/limpet.yaml`, the lab's variables. Then variables replace parts of it, and flags do.
 * Throws ConfigError with every problem of all of these.
 */
export function loadConfig({ file: named, env, flags = {}, cwd }: LoadOptions): LoadedConfig {
  const attempts = new Attempts()
  const file = findFile(named, env, cwd)
  const base = attempts.attempt(() => (file ? readConfigFile(file.path, file.name, env) : configFromEnvironment(env)))
  const overrides = [
    ...(file ? labGroups : []).map((group) => () => serversOverride(group, env)),
    ...settings.map((read) => () => read(flags, env)),
  ].flatMap((read) => attempts.attempt(read) ?? [])
  const config = base && overrides.reduce((config, { apply }) => attempts.attempt(() => apply(config)) ?? config, base)
  const whole = base && config && withCookieNames(config, base)
  const origin = { file: file?.path, overrides: overrides.map(({ source }) => source) }
  return { config: attempts.conclude(whole), origin }
}

/** Says it in words: `/etc/limpet/limpet.yaml, with PORT and --workers`. */
export function formatOrigin({ file, overrides }: Origin): string {
  const source = file ?? 'the environment (STATIC_BACKEND, DYNAMIC_BACKEND)'
  return overrides.length === 0 ? source : `${source}, with ${overrides.join(', ')}`
}

/** A configuration file, and its name as messages show it. */
interface ConfigFile {
  readonly path: string
  readonly name: string
}

function findFile(named: string | undefined, env: NodeJS.ProcessEnv, cwd: string): ConfigFile | undefined {
  const name = named ?? (env.LIMPET_CONFIG || standardFiles.find((standard) => existsSync(resolvePath(cwd, standard))))
  return name === undefined ? undefined : { path: resolvePath(cwd, name), name }
}

const standardFiles = ['limpet.yaml', '/etc/limpet/limpet.yaml']

function configFromEnvironment(env: NodeJS.ProcessEnv): Config {
  if (isLab(env)) return labConfig(env)
  const message = 'expected a configuration, found none'
  const hint = `give a file by -c FILE or LIMPET_CONFIG, or as ${standardFiles.join(' or ')}; or set ${labExample}`
  throw new ConfigError([{ where: '', path: '', message, hint }])
}
