import { type Command, Option } from 'commander'
import { type ConfigOptions, withConfigOptions } from './options.ts'

/** The values of the options of every command that asks a running Limpet, as commander passes them to an action. */
export interface AdminOptions extends ConfigOptions {
  readonly url?: string
  readonly socket?: string
  readonly tokenFile?: string
  readonly json?: boolean
}

/** Adds the options of every command that asks the admin API of a running Limpet, below its own. */
export function withAdminOptions(command: Command): Command {
  command.option('--json', "print the API's answer as JSON").optionsGroup('To find the running Limpet:')
  return withConfigOptions(command)
    .option('--url <url>', 'the URL of the admin API (default: from the configuration)')
    .addOption(
      new Option('--socket <path>', 'the Unix socket of the admin API (default: from the configuration)').conflicts(
        'url',
      ),
    )
    .option('--token-file <file>', 'a file with the token for the admin API (default: from the configuration)')
}

/** Shows examples at the end of a command's help. */
export function withExamples(command: Command, ...examples: readonly string[]): Command {
  const title = examples.length === 1 ? 'Example' : 'Examples'
  return command.addHelpText('after', `\n${title}:\n${examples.map((example) => `  $ ${example}`).join('\n')}`)
}
