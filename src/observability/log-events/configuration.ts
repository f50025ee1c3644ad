import type { LogChapter } from './log-chapter.ts'

export const configuration = {
  title: 'Configuration',
  events: {
    applied: {
      level: 'info',
      fields: ['generation', 'by', 'changes'],
      meaning: 'A change of the configuration is in effect in every worker.',
      action: '',
    },
    unchanged: {
      level: 'info',
      fields: ['by'],
      meaning: 'The file was read again, and says the same as before.',
      action: '',
    },
    'reload-refused': {
      level: 'error',
      fields: ['by'],
      meaning: 'The file was read again and is not used: the configuration stays as it is.',
      action: 'See the `config-problem` lines that follow.',
    },
    'config-problem': {
      level: 'error',
      fields: ['by'],
      meaning: 'A line about what is wrong with the file that was refused.',
      action: 'Correct it; `limpet check` shows the same.',
    },
    'config-warning': {
      level: 'warn',
      fields: [],
      meaning: 'A setting is valid, and probably a mistake.',
      action: 'Do what the message says.',
    },
    'change-conflict': {
      level: 'warn',
      fields: [],
      meaning:
        'A change that an operator has made at run time contradicts the file, or what sources have found, by now.',
      action: 'Reset the change, or correct the file.',
    },
    'replacement-invalid': {
      level: 'warn',
      fields: ['by', 'cause'],
      meaning: 'The configuration that an operator has put in place of the file is invalid by now. The file is used.',
      action: 'Put a valid one in place, or reset it.',
    },
    banned: {
      level: 'info',
      fields: ['from', 'by'],
      meaning: 'Requests from an address or a network are refused for a time.',
      action: '',
    },
    'ban-ended': {
      level: 'info',
      fields: ['from', 'by'],
      meaning: 'They are served again; `by` is absent if the time was over.',
      action: '',
    },
    'pause-not-ended': {
      level: 'error',
      fields: ['cause'],
      meaning: 'A pause is over, and the configuration still has it. Requests pass all the same.',
      action: 'Resume the upstream with `limpet resume`.',
    },
  },
} as const satisfies LogChapter
