import { afterEach, expect, test } from 'vitest'
import { startBroker } from '../../support/kafka-broker.ts'
import { missingTools } from '../../support/kafka-jars.ts'

const path = process.env.PATH ?? ''
afterEach(() => {
  process.env.PATH = path
})

test('a machine without Java is told the line that would help', async () => {
  process.env.PATH = '/nowhere'
  expect(missingTools()).toContain('apt-get install openjdk-17-jre-headless maven')
  await expect(startBroker()).rejects.toThrow('apt-get install openjdk-17-jre-headless maven')
})
