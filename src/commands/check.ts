import { Command } from 'commander'
import { formatOrigin } from '../config/load.ts'
import { printConfig } from '../config/print.ts'
import { type ConfigOptions, loadOrRefuse, withConfigOptions } from './options.ts'

/** `limpet check`: validates the configuration and prints what is in effect, as a file that says the same. */
export function checkCommand(): Command {
  const command = new Command('check')
    .summary('check the configuration and print what is in effect')
    .description('Checks the configuration and prints what is in effect, every default included, as a limpet.yaml.')
    .action((options: ConfigOptions) => {
      const { config, origin } = loadOrRefuse(command, options)
      process.stdout.write(printConfig(config, `Checked: ${formatOrigin(origin)}`))
    })
  return withConfigOptions(command)
}
