/** Names the commands. What each does is its own file's business. */
import { Command } from 'commander'
import { checkCommand } from './commands/check.ts'
import { demoCommand } from './commands/demo.ts'
import { explain } from './commands/explain.ts'
import { exportCommand } from './commands/export.ts'
import { healthcheckCommand } from './commands/healthcheck.ts'
import { runCommand } from './commands/run.ts'
import { statusCommand } from './commands/status.ts'
import { description, version } from './version.ts'

const program = new Command('limpet')
  .description(description)
  .version(version)
  .addCommand(runCommand())
  .addCommand(checkCommand())
  .addCommand(demoCommand())
  .addCommand(exportCommand())
  .addCommand(healthcheckCommand())
  .addCommand(statusCommand())
  .showHelpAfterError('(run limpet --help for the commands and their options)')

try {
  await program.parseAsync()
} catch (error) {
  console.error(explain(error))
  process.exit(1)
}
