import type { Command } from 'commander'
import type { LoadedConfig, LoadOptions } from '../config/load.ts'
import type { Flags } from '../config/overrides.ts'

/** The values of the shared options, as commander passes them to an action. */
export interface ConfigOptions extends Flags {
  readonly config?: string
}

/** Of those that follow sources. */
export const dockerOption = [
  '--docker [host]',
  'find routes and servers by the labels of containers; no file is needed then',
] as const

/**
 * Adds the options of every command that loads the configuration. Their values stay text: `loadConfig` validates them
 * together with the file, so that all problems are reported at once.
 */
export function withConfigOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'the configuration file (default: LIMPET_CONFIG, limpet.yaml, …)')
    .option('-p, --port <port>', 'the port of the only listener')
    .option('-w, --workers <number>', 'worker threads (default: one for each core)')
    .option('--access-log <format>', 'the access log: combined, vhost, json or off')
    .option('--instance <name>', 'the name of this Limpet and its replicas, for names of cookies (default: its ports)')
    .option(...dockerOption)
    .showHelpAfterError('(name a configuration file with -c FILE; --help lists all options)')
}

/**
 * Whether the certificates and keys that the configuration names must be usable: those who do not serve need not be able to read
 * them. And whether there must be a configuration.
 */
type Needs = Pick<LoadOptions, 'areFilesRead' | 'mayBeFound'>

/** Loads the configuration from the options, the environment and the working directory. Throws ConfigError. */
export async function loadFromOptions(options: ConfigOptions, needs: Needs = {}): Promise<LoadedConfig> {
  return (await loaderFor(options, needs))()
}

/**
 * A function that does the same each time that it is called, or takes a given text instead of the file. Imports the loader only
 * now, because it is large.
 */
export async function loaderFor(
  { config: file, ...flags }: ConfigOptions,
  needs: Needs,
): Promise<(instead?: LoadOptions['instead']) => LoadedConfig> {
  const { loadConfig } = await import('../config/load.ts')
  const cwd = process.cwd()
  return (instead) =>
    loadConfig({ file, flags, env: process.env, cwd, ...needs, ...(instead !== undefined && { instead }) })
}
