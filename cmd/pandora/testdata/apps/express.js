'use strict';
const app = require('express')();
app.get('/', (request, response) => {
  setTimeout(() => response.send(`${process.pid} express\n`), Math.random() * 20);
});
app.listen(+process.env.PORT);
