import type { ChallengeAnswers } from '../../../runtime/challenge-answers.ts'
import type { Certificate } from '../../../runtime/tls-settings.ts'

/** Answers to challenges, as one process hands them to the next: plain JSON. */
export interface HandedAnswers {
  readonly http: readonly (readonly [string, string])[]
  readonly tls: readonly (readonly [string, Certificate])[]
}

export function handedAnswers({ http, tls }: ChallengeAnswers): HandedAnswers {
  return { http: [...http], tls: [...tls] }
}

export function restoredAnswers({ http, tls }: HandedAnswers): ChallengeAnswers {
  return { http: new Map(http), tls: new Map(tls) }
}
