import { existsSync } from 'node:fs'
import { dirname, resolve as resolvePath } from 'node:path'
import { withCookieNames } from './cookie-names.ts'
import { Attempts, ConfigError, type Problem } from './error.ts'
import { type ConfigFile, openConfigFile, openConfigText } from './file.ts'
import type { KeyPath } from './key-path.ts'
import { isLab, labConfig, labExample, labGroups } from './lab.ts'
import { loops } from './loops.ts'
import type { Origin } from './origin.ts'
import { type Flags, type Override, serversOverride, settings } from './overrides.ts'
import { resolve } from './resolve.ts'
import type { Config } from './schema.ts'
import { withFilesIn } from './tls-files.ts'
import { unusableFiles } from './unusable-files.ts'

export interface LoadOptions {
  /** The file named on the command line, relative to `cwd`. */
  readonly file?: string | undefined
  readonly env: NodeJS.ProcessEnv
  readonly flags?: Flags
  readonly cwd: string
  /** A configuration that stands in for the file, as YAML or JSON, and its name in messages. */
  readonly instead?: { readonly text: string; readonly name: string }
  /** Whether the certificates and keys that it names must be usable. */
  readonly areFilesRead?: boolean
  /** Whether `--docker` is understood where there is no configuration: by those who ask a Limpet that may run without one. */
  readonly mayBeFound?: boolean
}

export interface LoadedConfig {
  readonly config: Config
  readonly origin: Origin
}

/**
 * Loads the configuration from the first of these that exists: the file named on the command line, the one in LIMPET_CONFIG,
 * `./limpet.yaml`, `/etc/limpet/limpet.yaml`, the lab's variables; `--docker` needs none of them. Then applies the overrides by flags and
 * variables.
 * Throws ConfigError with the problems of all of these together.
 */
export function loadConfig({
  file: named,
  env,
  flags = {},
  cwd,
  instead,
  areFilesRead = false,
  mayBeFound = false,
}: LoadOptions): LoadedConfig {
  const attempts = new Attempts()
  const file = instead === undefined ? findFile(named, env, cwd) : { ...instead, path: undefined }
  const opened = file && attempts.attempt(() => openConfig(file, env))
  const isFound = file === undefined && (mayBeFound || flags.docker !== undefined) && !isLab(env)
  const base = file ? opened?.config : attempts.attempt(() => (isFound ? foundConfig() : configFromEnvironment(env)))
  const overrides = [
    ...(file ? labGroups : []).map((group) => () => serversOverride(group, env)),
    ...settings.map((read) => () => read(flags, env)),
  ].flatMap((read) => attempts.attempt(read) ?? [])
  const whole = base && overrides.reduce((config, { apply }) => attempts.attempt(() => apply(config)) ?? config, base)
  const complete = attempts.conclude(base && whole && withCookieNames(whole, base))
  // A configuration without a file of its own stands in for that of the working directory.
  const config = withFilesIn(complete, file?.path === undefined ? cwd : dirname(file.path))
  const listed = file ? [] : labGroups.flatMap((group) => serversOverride(group, env) ?? [])
  refuseLoops(config, opened, [...listed, ...overrides])
  if (areFilesRead) refuseUnusableFiles(config, opened)
  const sources = overrides.map(({ source }) => source)
  const origin = { file: file?.path, ...(isFound && { isFound }), overrides: sources }
  return { config, origin }
}

/** Throws ConfigError if a server is the proxy itself. Each problem has the place of that server, in the file or a variable. */
function refuseLoops(config: Config, file: ConfigFile | undefined, overrides: readonly Override[]): void {
  const sourceOf = (path: KeyPath) =>
    overrides.findLast(({ replaces }) => replaces.every((step, index) => step === path[index]))?.source
  const problems = loops(config).flatMap(({ see, ...issue }): Problem[] => {
    const portFrom = sourceOf([...see, 'port'])
    const found = portFrom === undefined ? { ...issue, see } : { ...issue, message: `${issue.message}, by ${portFrom}` }
    const variable = sourceOf(issue.path)
    if (variable === undefined) return file?.problems([found]) ?? []
    const entry = Number(issue.path.at(-1)) + 1
    return [{ where: variable, path: `entry ${entry}`, message: found.message, hint: issue.hint }]
  })
  if (problems.length > 0) throw new ConfigError(problems)
}

/** Throws ConfigError if a file that the configuration names for TLS cannot be used. */
function refuseUnusableFiles(config: Config, file: ConfigFile | undefined): void {
  const problems = file?.problems(unusableFiles(config)) ?? []
  if (problems.length > 0) throw new ConfigError(problems)
}

function openConfig(
  file: FilePlace | { path: undefined; text: string; name: string },
  env: NodeJS.ProcessEnv,
): ConfigFile {
  return file.path === undefined ? openConfigText(file.text, file.name, env) : openConfigFile(file.path, file.name, env)
}

/** Where a configuration file is, and its name in messages. */
interface FilePlace {
  readonly path: string
  readonly name: string
}

function findFile(named: string | undefined, env: NodeJS.ProcessEnv, cwd: string): FilePlace | undefined {
  const name = named ?? (env.LIMPET_CONFIG || standardFiles.find((standard) => existsSync(resolvePath(cwd, standard))))
  return name === undefined ? undefined : { path: resolvePath(cwd, name), name }
}

const standardFiles = ['limpet.yaml', '/etc/limpet/limpet.yaml']

/** All that labels do not say, by default. */
function foundConfig(): Config {
  const outcome = resolve({ discovery: { docker: {} } })
  if ('value' in outcome) return outcome.value
  throw new ConfigError(outcome.issues.map(({ message }) => ({ where: '--docker', path: '', message })))
}

function configFromEnvironment(env: NodeJS.ProcessEnv): Config {
  if (isLab(env)) return labConfig(env)
  const message = 'expected a configuration, found none'
  const hint = `name a file with -c FILE or LIMPET_CONFIG, or create ${standardFiles.join(' or ')}; or set ${labExample}`
  throw new ConfigError([{ where: '', path: '', message, hint }])
}
