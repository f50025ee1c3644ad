import type { Command } from 'commander'
import type { LoadedConfig } from '../config/load.ts'
import type { Flags } from '../config/overrides.ts'

/** What the shared options give, as commander hands it to an action. */
export interface ConfigOptions extends Flags {
  readonly config?: string
}

/**
 * Adds the options of every command that loads the configuration. Their values stay text: `loadConfig` judges them
 * together with the rest, so that all problems are told at once.
 */
export function withConfigOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'the configuration file (default: LIMPET_CONFIG, limpet.yaml, …)')
    .option('-p, --port <port>', 'the port of the only listener')
    .option('-w, --workers <number>', 'worker threads (default: one for each core)')
    .option('--access-log <format>', 'the access log: combined, vhost, json or off')
    .option('--instance <name>', 'what tells this Limpet from others, in names of cookies (default: its ports)')
    .showHelpAfterError('(a configuration file is given by -c FILE; --help has all options)')
}

/**
 * Loads the configuration that the options, the environment and the working directory lead to, and before that what it takes
 * to read one, which is much. Throws ConfigError.
 */
export async function loadFromOptions({ config: file, ...flags }: ConfigOptions): Promise<LoadedConfig> {
  const { loadConfig } = await import('../config/load.ts')
  return loadConfig({ file, flags, env: process.env, cwd: process.cwd() })
}
