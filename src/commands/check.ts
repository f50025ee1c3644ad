import { Command } from 'commander'
import { formatOrigin } from '../config/load.ts'
import { printConfig } from '../config/print.ts'
import { warningsOf } from '../config/warnings.ts'
import { type ConfigOptions, loadFromOptions, withConfigOptions } from './options.ts'

/** `limpet check`: validates the configuration and prints what is in effect, as a file that says the same. */
export function checkCommand(): Command {
  return withConfigOptions(new Command('check'))
    .summary('check the configuration and print what is in effect')
    .description('Checks the configuration and prints what is in effect, every default included, as a limpet.yaml.')
    .action(check)
}

function check(options: ConfigOptions): void {
  const { config, origin } = loadFromOptions(options)
  for (const warning of warningsOf(config)) console.error(`warning: ${warning}`)
  process.stdout.write(printConfig(config, `Checked: ${formatOrigin(origin)}`, 'hidden'))
}
