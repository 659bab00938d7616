export = { keys: 'only for tests' };
